// Follows OpenBao's audit log, a file that it appends to, from where it was left: each secret that
// somebody reads for the first time, or in another version, is an event of the one stream. A device
// looks for its secrets every day, which says nothing new.

import { open } from "node:fs/promises";
import type { Parsed } from "@harmony/core";
import { errorText, type Log, readDurably, systemClock, writeFileDurably } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import { type SecretRead, secretRead } from "./read-secret.ts";

const EVERY_MS = 2_000;
const CHUNK_BYTES = 1_048_576;
const REMEMBERED = 100_000;

/** A file of another number was put in its place. */
const Place = z.object({ file: z.number(), offset: z.number() });
type Place = z.output<typeof Place>;

export interface AuditLogOptions {
  readonly file: string;
  /** Where it remembers how far it has read. */
  readonly placeFile: string;
  readonly onRead: (read: SecretRead) => Promise<void>;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly everyMs?: number;
}

/** Until the signal is aborted. Never throws. */
export async function followAuditLog({ file, placeFile, onRead, log, signal, everyMs = EVERY_MS }: AuditLogOptions): Promise<void> {
  const known = new Set<string>();
  let place = await placeIn(placeFile);
  let problem = "";
  while (!signal.aborted) {
    try {
      const read = await readFrom(file, place);
      for (const line of read.lines) {
        const secret = secretRead(line);
        if (secret === null) continue;
        const key = JSON.stringify([secret.by, secret.path, secret.version]);
        if (known.has(key)) continue;
        if (known.size >= REMEMBERED) known.clear();
        await onRead(secret);
        known.add(key);
      }
      if (read.place.file !== place?.file || read.place.offset !== place.offset)
        await writeFileDurably(placeFile, JSON.stringify(read.place));
      place = read.place;
      problem = "";
      if (read.isMore) continue;
    } catch (error) {
      if (problem !== errorText(error))
        log.warn("OpenBao's audit log cannot be followed: who reads which secret is not in the audit", { file, error });
      problem = errorText(error);
    }
    await systemClock.sleep(everyMs, signal).catch(() => undefined);
  }
}

interface Lines {
  readonly lines: readonly string[];
  readonly place: Place;
  readonly isMore: boolean;
}

/** Whole lines alone: OpenBao may be writing the last one. */
async function readFrom(file: string, before: Place | null): Promise<Lines> {
  const handle = await open(file, "r");
  try {
    const { ino, size } = await handle.stat();
    const from = before?.file === ino && before.offset <= size ? before.offset : 0;
    const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, size - from));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
    const isFull = bytesRead === CHUNK_BYTES;
    const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
    // A line longer than all that is read at once is passed over.
    const taken = end === 0 && isFull ? bytesRead : end;
    const lines = buffer.subarray(0, end).toString().split("\n").filter(Boolean);
    return { lines, place: { file: ino, offset: from + taken }, isMore: isFull };
  } finally {
    await handle.close();
  }
}

async function placeIn(file: string): Promise<Place | null> {
  const read = await readDurably(file, (bytes): Parsed<Place> => parseJson(Place, bytes));
  return read.kind === "found" ? read.value : null;
}
