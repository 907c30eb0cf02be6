// A file of ours on the device. A file that cannot be read or written is a StorageError; one that
// cannot be parsed is kept aside and counts as absent.

import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type DurableRead, syncFolder, writeFileDurably } from "@harmony/runtime";

/** The file system does not give or take a file of ours. */
export class StorageError extends Error {
  override name = "StorageError";
}

export interface StorageOptions {
  readonly folder: string;
  /** Called once for each file that cannot be parsed and is kept aside. */
  readonly onCorrupt: (found: { readonly file: string; readonly why: string; readonly keptAs: string }) => void;
}

export function taken<T>(file: string, read: DurableRead<T>, onCorrupt: StorageOptions["onCorrupt"]): T | null {
  if (read.kind === "unreadable") throw new StorageError(`failed to read ${file}`, { cause: read.error });
  if (read.kind === "corrupt") onCorrupt({ file, why: read.why, keptAs: read.keptAs });
  return read.kind === "found" ? read.value : null;
}

/** null removes the file. */
export async function store(file: string, text: string | Uint8Array | null): Promise<void> {
  try {
    if (text !== null) return await writeFileDurably(file, text);
    await rm(file);
    await syncFolder(dirname(file));
  } catch (cause) {
    if (text === null && cause instanceof Error && "code" in cause && cause.code === "ENOENT") return;
    throw new StorageError(`failed to write ${file}`, { cause });
  }
}
