// Chooses the device of the demo: the person's own rootless Podman where that works, or a simulated
// device.

import { findProgram, run } from "@iot/testkit";
import type { DemoDevice } from "../world/demo-device.ts";
import { startOwnPodman } from "./own-podman.ts";
import { startSimulatedDevice } from "../world/simulated-device.ts";

/** @throws Error that says why neither works and what would fix it. */
export async function chooseDevice(wanted: "own" | "simulated" | undefined): Promise<DemoDevice> {
  const isRoot = process.getuid?.() === 0;
  if (wanted === "simulated" && !isRoot) throw new Error("a simulated device needs root: run the demo with sudo");
  if (wanted === "simulated") return startSimulatedDevice();
  const obstacle = await whyNotOwnPodman(isRoot);
  if (obstacle === null) return startOwnPodman();
  if (wanted === undefined && isRoot) return startSimulatedDevice();
  const otherwise = isRoot ? "" : "; or run the demo with sudo, which gives it a simulated device";
  throw new Error(`your own Podman cannot be the device: ${obstacle}${otherwise}`);
}

const OLDEST_PODMAN = [4, 9] as const;

async function whyNotOwnPodman(isRoot: boolean): Promise<string | null> {
  if (isRoot) return "you are root, and workloads run rootless; run the demo as an ordinary user";
  if ((await findProgram("podman")) === undefined)
    return "there is no podman; install it with this system's package manager (apt-get install podman, dnf install podman)";
  const info = await podman(["info", "--format", "{{.Version.Version}} {{.Host.Security.Rootless}}"]);
  if (info.said !== null) return `podman info says "${info.said}"; it has to succeed`;
  const [version = "", rootless = ""] = info.stdout.split(" ");
  if (rootless !== "true") return "podman does not run rootless here; it has to without sudo";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_PODMAN;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor))
    return `it is ${version}, and ${OLDEST_PODMAN.join(".")} is the oldest that works; install a newer one`;
  // `info` may answer even where Podman may not make user namespaces.
  const { said } = await podman(["unshare", "true"]);
  return said === null ? null : `podman unshare says "${said}"; it has to succeed (man podman, "Rootless mode")`;
}

/** `said`: null when it succeeded, or its last complaint. */
async function podman(args: readonly string[]): Promise<{ readonly stdout: string; readonly said: string | null }> {
  const { exitCode, stdout, stderr } = await run(["podman", ...args], { allowExitCodes: Array.from({ length: 256 }, (_, code) => code) });
  return { stdout: stdout.trim(), said: exitCode === 0 ? null : (stderr.trim().split("\n").at(-1) ?? "") };
}
