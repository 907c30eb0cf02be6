// Installs the agent onto a device's root that is not running: its Debian package, as a person
// would install it, then the two files that a person writes.

import { join } from "node:path";
import { run } from "@iot/testkit";
import type { Architecture } from "./device-root.ts";

/** The parts of a root that is not running which an installation needs. */
export interface OfflineRoot {
  run(argv: readonly string[]): Promise<string>;
  copyIn(hostPath: string, path: string): Promise<void>;
  write(path: string, text: string): Promise<void>;
}

const TOP = join(import.meta.dirname, "../..");
const PACKAGE_TIMEOUT_MS = 10 * 60_000;

/** Gives the name of the package's file. */
export async function buildAgent(architecture: Architecture, into: string): Promise<string> {
  const argv = ["npm", "run", "--silent", "package", "--", "--only", "iot-agent", "--arch", architecture, "--fast", "--out", into];
  const { stdout } = await run(argv, { cwd: TOP, timeoutMs: PACKAGE_TIMEOUT_MS });
  const line = stdout.split("\n").find((text) => text.includes(".deb"));
  if (line === undefined) throw new Error(`npm run package named no .deb: ${stdout}`);
  return line.replace(/ \([^)]*\)$/, "");
}

export async function installAgent(file: string, root: OfflineRoot): Promise<void> {
  await root.copyIn(file, "/var/tmp/iot-agent.deb");
  await root.run(["dpkg", "--install", "/var/tmp/iot-agent.deb"]);
  await root.run(["rm", "/var/tmp/iot-agent.deb"]);
  // Podman asks dpkg for the package of each of its programs whenever it gives its info, which
  // takes half a minute under emulation.
  await root.run(["mv", "/usr/bin/dpkg", "/usr/bin/dpkg.idle"]);
}
