// Reads the log of a disk's writes that qemu's `blklogwrites` keeps, in the format of the kernel's
// dm-log-writes: a first sector with the magic number and the sector size, then for each write one
// sector that says where and how long, followed by the data. The count of entries in the first
// sector is only written now and then, so the log ends where an entry is all zeros.

import { open } from "node:fs/promises";
import type { Random } from "./random.ts";

export interface LoggedWrite {
  /**
   * A `durable` write (FUA) is on the disk by itself; a flush makes every write before it durable.
   */
  readonly kind: "write" | "durable" | "discard" | "flush";
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** The place of its data in the log. */
  readonly dataAtBytes: number;
}

const MAGIC = 0x6a736677736872n;
const FLUSH = 1n;
const FUA = 2n;
const DISCARD = 4n;
/** Offsets in the log count 512 bytes, whatever the sector size is. */
const OFFSET_UNIT_BYTES = 512;

export async function readWriteLog(path: string): Promise<readonly LoggedWrite[]> {
  await using file = await open(path, "r");
  const header = Buffer.alloc(64);
  const { bytesRead } = await file.read(header, 0, 64, 0);
  // qemu ended before it wrote anything.
  if (bytesRead < 28) return [];
  if (header.readBigUInt64LE(0) !== MAGIC) throw new Error(`failed to read the write log ${path}: it begins with another magic number`);
  const sectorBytes = header.readUInt32LE(24);
  const writes: LoggedWrite[] = [];
  for (let at = sectorBytes; ;) {
    const entry = await file.read(header, 0, 32, at);
    if (entry.bytesRead < 32) return writes;
    const write = parseEntry(header, at + sectorBytes, sectorBytes);
    if (write === undefined) return writes;
    writes.push(write);
    at += sectorBytes + (write.kind === "write" || write.kind === "durable" ? write.lengthBytes : 0);
  }
}

function parseEntry(entry: Buffer, dataAtBytes: number, sectorBytes: number): LoggedWrite | undefined {
  const sectors = Number(entry.readBigUInt64LE(8));
  const flags = entry.readBigUInt64LE(16);
  if (sectors === 0 && flags === 0n) return undefined;
  const kind =
    sectors === 0 && (flags & FLUSH) !== 0n ? "flush" : (flags & DISCARD) !== 0n ? "discard" : (flags & FUA) !== 0n ? "durable" : "write";
  return { kind, offsetBytes: Number(entry.readBigUInt64LE(0)) * OFFSET_UNIT_BYTES, lengthBytes: sectors * sectorBytes, dataAtBytes };
}

/**
 * The log up to the moment of the cut, which is one of its last writes, by the seed. Most of the
 * time nothing is unflushed, so a cut by the clock alone would hardly ever fall between a write and
 * its flush. `markedBytes`: the part of the log before which no cut may fall.
 */
export function untilTheCut(log: readonly LoggedWrite[], markedBytes: number, random: Random): readonly LoggedWrite[] {
  const since = log.filter(({ dataAtBytes }) => dataAtBytes > markedBytes).length;
  const back = Math.floor(random.next() * Math.min(LAST_WRITES, since));
  return log.slice(0, log.length - back);
}

const LAST_WRITES = 64;

/**
 * The writes on the disk after a cut at the end of the log, in the order in which they were
 * written; `keep` of 1 loses nothing.
 */
export function survivors(
  log: readonly LoggedWrite[],
  keep: number,
  random: Random,
): { readonly kept: readonly LoggedWrite[]; readonly unflushed: number } {
  const lastFlush = log.findLastIndex(({ kind }) => kind === "flush");
  const isCertain = (write: LoggedWrite, index: number): boolean => index < lastFlush || write.kind === "durable";
  const kept = log.filter((write, index) => write.kind !== "flush" && (isCertain(write, index) || random.next() < keep));
  const unflushed = log.filter((write, index) => write.kind !== "flush" && !isCertain(write, index)).length;
  return { kept, unflushed };
}
