// The file system that holds Podman's storage: its free space, and the flush of written data to the
// disk. The flush uses coreutils' `sync -f`, since Node offers no syncfs.

import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { promisify } from "node:util";

export interface DiskSpace {
  /** The bytes free for users other than root, on the file system that `path` lies on. */
  freeBytes(path: string, signal: AbortSignal): Promise<number>;
  /** Returns when all that was written to the file system of `path` is on the disk. */
  flush(path: string, signal: AbortSignal): Promise<void>;
}

const run = promisify(execFile);
/** The limit fits a slow card with much to write. */
const FLUSH_MS = 600_000;

/** Flushes every file system, which needs no right to reach any. */
export async function flushAll(signal: AbortSignal): Promise<void> {
  await run("sync", [], { signal, timeout: FLUSH_MS });
}

export const localDisk: DiskSpace = {
  freeBytes: async (path) => {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
  flush: async (path, signal) => {
    await run("sync", ["--file-system", path], { signal, timeout: FLUSH_MS });
  },
};
