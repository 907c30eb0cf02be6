// What devices said once, of one device or of all, as it is kept in its stream: read batch by
// batch, without a consumer. What each message says is the caller's to bound and clean.

import type { Parsed } from "@harmony/core";
import { type DeviceId, deviceOfKey } from "@iot/contracts";
import { type BatchGet, batchGet, type StreamMessage } from "../buckets/batch-get.ts";
import type { Messaging } from "../connection/connect.ts";

export interface ToldQuery {
  /** Null: of all devices. */
  readonly device: DeviceId | null;
  /** What was received since then. Null: all that is kept. */
  readonly sinceMs: number | null;
  readonly most: number;
  /** The prefix of replies that this user hears. */
  readonly inbox: string;
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
  { device, sinceMs, most, inbox }: ToldQuery,
  signal: AbortSignal,
): Promise<ToldRead<Told<Document>>> {
  const told: Told<Document>[] = [];
  let unreadable = 0;
  const take = ({ subject: of, data, sequence, writtenAtMs: receivedAtMs }: StreamMessage): void => {
    const whose = deviceOfKey(of.split(".").at(-1) ?? "");
    const document = read(data);
    if (whose === null || !document.ok) unreadable += 1;
    else told.push({ device: whose, document: document.value, sequence, receivedAtMs });
  };
  let from: BatchGet["from"] = sinceMs === null ? { sequence: 1 } : { time: new Date(sinceMs).toISOString() };
  for (;;) {
    const get = { stream, subject: subject(device ?? "*"), from, most: AT_ONCE };
    const { messages, pending } = await batchGet(messaging, get, inbox, signal);
    for (const message of messages) take(message);
    const last = messages.at(-1);
    if (last === undefined || pending === 0) return { told, unreadable, isCut: false };
    if (told.length + unreadable >= most) return { told, unreadable, isCut: true };
    from = { sequence: last.sequence + 1 };
  }
}
