// What devices said once, of one device or of all, as it is kept in its stream: read batch by
// batch, without a consumer. What each message says is the caller's to bound and clean.

import type { Parsed } from "@harmony/core";
import { type DeviceId, deviceOfKey, readSubjects } from "@iot/contracts";
import { errors } from "@nats-io/nats-core";
import { type Batch, type BatchEntry, readBatch } from "../buckets/read-batches.ts";
import { asMessagingError, MessagingError } from "../connection/messaging-error.ts";
import type { Messaging } from "../connection/connect.ts";

export interface ToldQuery {
  /** Null: of all devices. */
  readonly device: DeviceId | null;
  /** What was received since then. Null: all that is kept. */
  readonly sinceMs: number | null;
  readonly most: number;
}

export interface Told<Document> {
  readonly device: DeviceId;
  readonly document: Document;
  readonly sequence: number;
  /** When the server received it. */
  readonly receivedAtMs: number;
}

export interface ToldRead<Item> {
  /** In the order in which the server received them. */
  readonly told: readonly Item[];
  /** What nobody can read. */
  readonly unreadable: number;
  /** There is more than was asked for: the newest are not among them. */
  readonly isCut: boolean;
}

interface OfStream<Document> {
  readonly stream: string;
  readonly subject: (device: DeviceId | "*") => string;
  readonly read: (bytes: Uint8Array) => Parsed<Document>;
}

/** A message costs about 1 KiB: a second's reading at a time. */
const AT_ONCE = 1_000;

/** @throws MessagingError, or the signal's reason. */
export async function readTold<Document>(
  messaging: Messaging,
  { stream, subject, read }: OfStream<Document>,
  { device, sinceMs, most }: ToldQuery,
  signal: AbortSignal,
): Promise<ToldRead<Told<Document>>> {
  const told: Told<Document>[] = [];
  let unreadable = 0;
  const take = ({ subject: of, data, sequence, writtenAtMs: receivedAtMs }: BatchEntry): void => {
    const whose = deviceOfKey(of.split(".").at(-1) ?? "");
    const document = read(data);
    if (whose === null || !document.ok) unreadable += 1;
    else told.push({ device: whose, document: document.value, sequence, receivedAtMs });
  };
  let from: number | Date = sinceMs === null ? 1 : new Date(sinceMs);
  for (;;) {
    const { entries, pending } = await batchOf(messaging, { stream, filter: subject(device ?? "*"), from }, signal);
    for (const entry of entries) take(entry);
    const last = entries.at(-1);
    if (last === undefined || pending === 0) return { told, unreadable, isCut: false };
    if (told.length + unreadable >= most) return { told, unreadable, isCut: true };
    from = last.sequence + 1;
  }
}

/** By our own name, and where nobody knows it by the server's. @throws MessagingError */
async function batchOf(
  messaging: Messaging,
  { stream, ...get }: { readonly stream: string; readonly filter: string; readonly from: number | Date },
  signal: AbortSignal,
): Promise<Batch> {
  const { own, bucket } = readSubjects(stream);
  const nobody = (): MessagingError => asMessagingError(new errors.NoRespondersError(own), `failed to read the stream "${stream}"`);
  const asPerson = await readBatch(messaging, { ...get, asked: own, most: AT_ONCE }, signal);
  if (asPerson !== null) return asPerson;
  const batch = await readBatch(messaging, { ...get, asked: bucket, most: AT_ONCE }, signal).catch((error: unknown) => {
    // A person is permitted our own name alone.
    throw error instanceof MessagingError && error.code === "PermissionDenied" ? nobody() : error;
  });
  if (batch === null) throw nobody();
  return batch;
}
