// What the checks read of the machine; null is what this user may not read, or is not there.

import { constants } from "node:fs";
import { open, readdir, stat, statfs } from "node:fs/promises";
import { type Ran, runProgram } from "./run-program.ts";

export interface FileSystemSpace {
  readonly freeBytes: number;
  readonly sizeBytes: number;
  readonly freeInodes: number;
  readonly inodes: number;
}

const READ_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Reads a plain file that is not huge: a pipe, which somebody may have put in its place, would
 * never end.
 */
async function read(path: string): Promise<string | null> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    return found.isFile() && found.size <= READ_LIMIT_BYTES ? await file.readFile("utf8") : null;
  } catch {
    return null;
  }
}

export const machine = {
  read,
  list: (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []),
  ownerOf: (path: string): Promise<{ readonly uid: number; readonly mode: number } | null> => stat(path).catch(() => null),
  exists: (path: string): Promise<boolean> =>
    stat(path).then(
      () => true,
      () => false,
    ),
  space: async (path: string): Promise<FileSystemSpace | null> => {
    try {
      const { bavail, blocks, bsize, ffree, files } = await statfs(path);
      return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize, freeInodes: ffree, inodes: files };
    } catch {
      return null;
    }
  },
  run: (argv: readonly string[]): Promise<Ran> => runProgram(argv),
} as const;
