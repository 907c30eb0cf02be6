// Keeps what is built or downloaded once for all tests: one folder for each thing and version under
// ~/.cache/harmony-iot (or HARMONY_IOT_CACHE). A folder is made beside its place and renamed into
// it, so it is there whole or not at all. When several processes want the same folder, one makes it
// and the others wait.

import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export function cacheFolder(): string {
  return process.env["HARMONY_IOT_CACHE"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "harmony-iot");
}

/**
 * The folder of that name; `make` fills it if it is not there. Names carry the version of what is
 * inside.
 */
export async function cached(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const place = join(cacheFolder(), name);
  if (await exists(place)) return place;
  await mkdir(cacheFolder(), { recursive: true });
  const unlock = await lock(`${place}.lock`);
  try {
    if (await exists(place)) return place;
    await removeHalfMade(name);
    const folder = await mkdtemp(`${place}.making-`);
    try {
      await make(folder);
      await chmod(folder, 0o755);
      await rename(folder, place);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      // Two processes that found the same abandoned lock may both have made the folder. The first
      // to rename has won.
      if (!(await exists(place))) throw error;
    }
    return place;
  } finally {
    await unlock();
  }
}

/** Removes what a killed process was making. The caller holds the lock, so nobody works on it. */
async function removeHalfMade(name: string): Promise<void> {
  for (const entry of await readdir(cacheFolder())) {
    if (entry.startsWith(`${name}.making-`)) await rm(join(cacheFolder(), entry), { recursive: true, force: true });
  }
}

async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    if (await isAbandoned(path)) await rm(path, { force: true });
    else await pause(200);
  }
}

/**
 * Whether the process that holds the lock is gone. A process that has just made the file may not
 * have written its id yet.
 */
async function isAbandoned(path: string): Promise<boolean> {
  const [holder, status] = await Promise.all([readFile(path, "utf8").catch(() => undefined), stat(path).catch(() => undefined)]);
  if (holder === undefined || status === undefined) return false;
  if (holder === "") return Date.now() - status.mtimeMs > 5_000;
  return !(await exists(`/proc/${holder}`));
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
