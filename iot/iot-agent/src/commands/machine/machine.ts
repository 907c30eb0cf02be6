// What the checks read of the machine; null is what this user may not read, or is not there.

import { readdir, readFile, stat, statfs } from "node:fs/promises";
import { type Ran, runProgram } from "./run-program.ts";

export interface FileSystemSpace {
  readonly freeBytes: number;
  readonly sizeBytes: number;
  readonly freeInodes: number;
  readonly inodes: number;
}

export const machine = {
  read: (path: string): Promise<string | null> => readFile(path, "utf8").catch(() => null),
  list: (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []),
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
