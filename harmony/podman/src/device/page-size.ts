// The size of this kernel's pages of memory, as the kernel says it to each process.

import { readFile } from "node:fs/promises";
import { endianness } from "node:os";

/** The key of the page size in the auxiliary vector, whose entries are pairs of 64-bit numbers. */
const AT_PAGESZ = 6n;
const ENTRY_BYTES = 16;

/** Bytes; null: the kernel does not say. */
export async function pageBytes(): Promise<number | null> {
  const vector = await readFile("/proc/self/auxv").catch(() => Buffer.alloc(0));
  const read = (at: number): bigint => (endianness() === "LE" ? vector.readBigUInt64LE(at) : vector.readBigUInt64BE(at));
  for (let at = 0; at + ENTRY_BYTES <= vector.length; at += ENTRY_BYTES) {
    if (read(at) === AT_PAGESZ) return Number(read(at + ENTRY_BYTES / 2));
  }
  return null;
}
