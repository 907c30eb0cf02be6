// All entries under a subject, by batches of direct gets: no consumer, and no right but to ask. For
// whoever reaches a stream by a name of our own. Each answer names its subject, and only those that
// were asked for are taken.

import { abortable } from "@harmony/runtime";
import type { Msg } from "@nats-io/nats-core";
import type { Messaging } from "../connection/connect.ts";
import { ownInbox } from "../connection/own-inbox.ts";
import { MessagingError } from "../connection/messaging-error.ts";

export interface BatchEntry {
  readonly subject: string;
  readonly sequence: number;
  readonly writtenAtMs: number;
  readonly data: Uint8Array;
  /** It says that the key was deleted or purged. */
  readonly isMarker: boolean;
}

export interface BatchesToRead {
  /** The subject at which it is asked. */
  readonly asked: string;
  /** The entries' subjects, with wildcards at the end: `$KV.status.*`. */
  readonly filter: string;
  /** The first sequence, 1 by default; or all since a time. */
  readonly from?: number | Date;
}

export interface Batch {
  /** In the order of the stream. */
  readonly entries: readonly BatchEntry[];
  /** How many follow. */
  readonly pending: number;
}

const BATCH = 500;
const SILENT_MS = 5_000;
const NO_RESPONDERS = 503;

/** null: nobody answers at that subject. @throws MessagingError, or the signal's reason. */
export async function readBatches(
  messaging: Messaging,
  { asked, filter, from = 1 }: BatchesToRead,
  signal: AbortSignal,
): Promise<readonly BatchEntry[] | null> {
  const entries: BatchEntry[] = [];
  for (let next = from; ;) {
    const read = await readBatch(messaging, { asked, filter, from: next, most: BATCH }, signal);
    if (read === null) return null;
    entries.push(...read.entries);
    const last = read.entries.at(-1);
    if (last === undefined || read.pending === 0) return entries;
    next = last.sequence + 1;
  }
}

/** null: nobody answers at that subject. @throws MessagingError, or the signal's reason. */
export async function readBatch(
  messaging: Messaging,
  { asked, filter, from, most }: Required<BatchesToRead> & { readonly most: number },
  signal: AbortSignal,
): Promise<Batch | null> {
  const what = `failed to read "${filter}"`;
  const prefix = filter.replace(/[*>]$/, "");
  const entries: BatchEntry[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  const late = (): void => reject(new MessagingError("Timeout", `${what}: no answer within ${SILENT_MS / 1_000} s; check NATS`));
  const timer = setTimeout(late, SILENT_MS);
  messaging.mayBeRefused(asked);
  const refused = messaging.refusals.onRefused((subject) => {
    if (subject === asked) reject(new MessagingError("PermissionDenied", `${what}: NATS does not permit it to this user`));
  });
  const inbox = ownInbox(messaging);
  const subscription = messaging.connection.subscribe(inbox, {
    callback: (error, message) => {
      if (error !== null) return reject(error);
      timer.refresh();
      const entry = entryOf(message, prefix);
      if (entry !== null) entries.push(entry);
      else if (message.headers?.code === NO_RESPONDERS) resolve(null);
      else if ((message.headers?.code ?? 0) >= 400 && message.headers?.code !== 404)
        reject(new MessagingError("Refused", `${what}: ${message.headers?.description ?? ""}`));
      // 204: the end of the batch; 404: there is nothing.
      else if (message.headers?.code !== undefined && message.headers.code !== 0) resolve(pendingOf(message));
    },
  });
  const start = typeof from === "number" ? { seq: from } : { start_time: from.toISOString() };
  try {
    messaging.connection.publish(asked, JSON.stringify({ ...start, next_by_subj: filter, batch: most }), { reply: inbox });
    const pending = await abortable(promise, AbortSignal.any([signal, messaging.lost()]));
    return pending === null ? null : { entries, pending };
  } finally {
    clearTimeout(timer);
    refused();
    subscription.unsubscribe();
  }
}

function pendingOf({ headers }: Msg): number {
  return Number(headers?.get("Nats-Num-Pending") ?? 0) || 0;
}

function entryOf({ headers, data }: Msg, prefix: string): BatchEntry | null {
  const subject = headers?.get("Nats-Subject") ?? "";
  const sequence = Number(headers?.get("Nats-Sequence"));
  const writtenAtMs = Date.parse(headers?.get("Nats-Time-Stamp") ?? "");
  if (headers === undefined || !subject.startsWith(prefix) || !Number.isSafeInteger(sequence) || Number.isNaN(writtenAtMs)) return null;
  const operation = headers.get("KV-Operation");
  const isMarker = operation === "DEL" || operation === "PURGE" || headers.has("Nats-Marker-Reason");
  return { subject, sequence, writtenAtMs, data, isMarker };
}
