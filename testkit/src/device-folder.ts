// Gives a simulated device its place on the host: a folder whose number is also its machine name
// and its subnet, so that claiming the folder claims all three, across test processes. Its root is
// an overlay over the shared root of the cache. /home is a plain folder, because Podman keeps
// overlays of its own there. The next test process clears what a killed one left.

import { mkdir, readFile, readdir, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { exists } from "./cache.ts";
import { run } from "./program.ts";

/**
 * The path is short, because the path of a socket below it may have 107 bytes at most.
 * `HARMONY_DEVICES` names another folder, such as one on a disk of its own.
 */
const devices = (): string => process.env["HARMONY_DEVICES"] ?? "/tmp/harmony-devices";

/** The number of /30 subnets in 10.213.0.0/16. */
const SUBNETS = 16_384;

export interface DeviceFolder {
  readonly path: string;
  /**
   * Unique among the devices of this host; also the name of its cgroup, and of the host's end of
   * its network as `ve-<machine>`.
   */
  readonly machine: string;
  readonly root: string;
  /** The two addresses of its /30. */
  readonly hostAddress: string;
  readonly address: string;
  mountRoot(layers: readonly string[]): Promise<void>;
  remove(): Promise<void>;
}

export async function claimDeviceFolder(): Promise<DeviceFolder> {
  await mkdir(devices(), { recursive: true });
  await clearAbandoned();
  for (;;) {
    const folder = deviceFolder(randomInt(SUBNETS));
    try {
      await mkdir(folder.path);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") continue;
      throw error;
    }
    await writeFile(join(folder.path, "owner"), String(process.pid));
    return folder;
  }
}

function deviceFolder(number: number): DeviceFolder {
  const path = join(devices(), String(number));
  const root = join(path, "root");
  const subnet = `10.213.${number >> 6}.`;
  const host = ((number & 63) << 2) + 1;
  return {
    path,
    machine: `harmony${number}`,
    root,
    hostAddress: subnet + host,
    address: subnet + (host + 1),
    mountRoot: (layers) => mountRoot(path, layers),
    remove: () => removeDevice(path, `harmony${number}`),
  };
}

async function mountRoot(path: string, layers: readonly string[]): Promise<void> {
  for (const name of ["root", "upper", "work"]) await mkdir(join(path, name), { recursive: true });
  const options = `lowerdir=${layers.join(":")},upperdir=${join(path, "upper")},workdir=${join(path, "work")}`;
  await run(["mount", "-t", "overlay", "harmony-device", "-o", options, join(path, "root")]);
  if (!(await exists(join(path, "home")))) await run(["cp", "-a", join(path, "root", "home"), join(path, "home")]);
}

/**
 * Ends every process of the device and removes its cgroup, its mount and its files. No-op if
 * nothing of it exists.
 */
async function removeDevice(path: string, machine: string): Promise<void> {
  await clearMachine(machine);
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((at) => at.startsWith(`${path}/`)).toReversed()) await run(["umount", "--lazy", mount]);
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

/**
 * Removes what a machine that is not running may have left on the host: processes, its end of the
 * network, systemd-nspawn's folder.
 */
export async function clearMachine(machine: string): Promise<void> {
  await removeCgroup(deviceCgroup(machine));
  await run(["ip", "link", "delete", `ve-${machine}`], { allowExitCodes: [0, 1] });
  await rm(join("/run/systemd/nspawn/propagate", machine), { recursive: true, force: true });
}

/**
 * The device has a cgroup of its own: two nspawns in one would each take the other's processes for
 * theirs.
 */
export function deviceCgroup(machine: string): string {
  return join("/sys/fs/cgroup", unifiedIsHybrid ? "unified" : "", machine);
}

const unifiedIsHybrid = await exists("/sys/fs/cgroup/unified");

async function removeCgroup(path: string): Promise<void> {
  if (!(await exists(path))) return;
  await writeFile(join(path, "cgroup.kill"), "1");
  for (let populated = true; populated;) populated = (await readFile(join(path, "cgroup.events"), "utf8")).includes("populated 1");
  await removeTree(path);
}

async function removeTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) if (entry.isDirectory()) await removeTree(join(path, entry.name));
  await rmdir(path);
}

async function clearAbandoned(): Promise<void> {
  // A disk's own "lost+found" is no device.
  for (const name of (await readdir(devices())).filter((entry) => /^\d+$/.test(entry))) {
    const path = join(devices(), name);
    const owner = await readFile(join(path, "owner"), "utf8").catch(() => "");
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    const isGone = owner === "" ? age > 60_000 : !(await exists(`/proc/${owner}`));
    // Two processes may clear the same device at once: the later one finds nothing.
    if (isGone)
      await deviceFolder(Number(name))
        .remove()
        .catch(() => undefined);
  }
}
