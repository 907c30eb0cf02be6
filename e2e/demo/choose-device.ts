// The device of the demo: the person's own rootless Podman where that works, else a simulated device.

import { findProgram, run } from "@iot/testkit";
import type { DemoDevice } from "./demo-device.ts";
import { startOwnPodman } from "./own-podman.ts";
import { startSimulatedDevice } from "./simulated-device.ts";

/** @throws Error that says why neither works and what would mend it. */
export async function chooseDevice(wanted: "own" | "simulated" | undefined): Promise<DemoDevice> {
  const own = await whyNotOwnPodman();
  if (wanted === "own" && own !== null) throw new Error(`your own Podman cannot be the device: ${own}`);
  if (wanted !== "simulated" && own === null) return startOwnPodman();
  if (process.getuid?.() !== 0) {
    throw new Error(
      `no device: your own Podman cannot be it (${own ?? "not asked for"}), and a simulated device needs root: run the demo with sudo, or mend the first`,
    );
  }
  return startSimulatedDevice();
}

const OLDEST_PODMAN = [4, 4] as const;

async function whyNotOwnPodman(): Promise<string | null> {
  if (process.getuid?.() === 0) return "you are root, and workloads run rootless: run the demo as an ordinary user";
  if ((await findProgram("podman")) === undefined) return "there is no podman: install it (apt install podman, dnf install podman)";
  const info = await run(["podman", "info", "--format", "{{.Version.Version}} {{.Host.Security.Rootless}}"], {
    allowExitCodes: [0, 1, 125],
  });
  const [version = "", rootless = ""] = info.stdout.trim().split(" ");
  if (info.exitCode !== 0) return `podman info fails: ${info.stderr.trim().split("\n").at(-1) ?? ""}`;
  if (rootless !== "true") return "podman does not run rootless here";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_PODMAN;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor))
    return `Podman ${version} is older than ${OLDEST_PODMAN.join(".")}`;
  return null;
}
