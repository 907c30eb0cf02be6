// The device of the demo: the person's own rootless Podman where that works, else a simulated device.

import { findProgram, run } from "@iot/testkit";
import { startOwnPodman } from "./own-podman.ts";
import { startSimulatedDevice } from "./simulated-device.ts";

export interface DemoDevice extends AsyncDisposable {
  readonly id: string;
  /** What it is, for the person. */
  readonly description: string;
  /** Where its published ports answer. */
  readonly address: string;
  /** The path, on this machine, of its Podman socket. */
  readonly podmanSocket: string;
  /** Where a server must listen for the device to reach it. */
  readonly hostAddress: string;
  /** The name of the demo's image of that version; only "1" and "2" exist. */
  image(version: string): string;
  startAgent(config: AgentSettings): Promise<void>;
  /** What the agent logged, oldest first. */
  agentEvents(): Promise<readonly { at: number; message: string }[]>;
  curl(port: number): Promise<{ stdout: string }>;
  /** Names of all containers of the platform. */
  containers(): Promise<readonly string[]>;
  /** When that container's process started, in milliseconds since the epoch. */
  startedAt(container: string): Promise<number | null>;
  readonly lookAround: readonly { title: string; command: string }[];
}

export interface AgentSettings {
  readonly natsUrl: string;
  /** Lines of TOML for the section [agent]. */
  readonly agentSettings?: string;
}

export const DEVICE_ID = "pi-demo-01";

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
