// Many messages of a stream by one request, without a consumer: a direct get of a batch, which the
// account of people has under a name of our own. The answers come to an inbox that is drawn for
// this one reading, and each says from which stream and subject it is, since a server answers
// wherever a question says.

import { randomBytes } from "node:crypto";
import { readSubjects } from "@iot/contracts";
import { errors, type Msg } from "@nats-io/nats-core";
import type { Messaging } from "../connection/connect.ts";
import { asMessagingError, MessagingError } from "../connection/messaging-error.ts";

export interface BatchGet {
  readonly stream: string;
  /** A subject, or one with wildcards. */
  readonly subject: string;
  /** The first sequence that is read, 1 at first; or all since a time. */
  readonly from: { readonly sequence: number } | { readonly time: string };
  readonly most: number;
}

export interface StreamMessage {
  readonly subject: string;
  readonly sequence: number;
  /** By the server's clock. */
  readonly writtenAtMs: number;
  readonly data: Uint8Array;
}

export interface Batch {
  /** In the order of the stream. */
  readonly messages: readonly StreamMessage[];
  /** How many follow. */
  readonly pending: number;
}

const SILENT_MS = 5_000;
const END_OF_BATCH = 204;
const NO_MESSAGE = 404;
const NO_RESPONDERS = 503;
const NONE: Batch = { messages: [], pending: 0 };

/**
 * `inbox`: the prefix of replies that this user hears. Asks by our own name, and where nobody
 * knows it by the server's. @throws MessagingError, or the signal's reason.
 */
export async function batchGet(messaging: Messaging, get: BatchGet, inbox: string, signal: AbortSignal): Promise<Batch> {
  const { own, bucket } = readSubjects(get.stream);
  try {
    return await askBatch(messaging, { ...get, asked: own }, inbox, signal);
  } catch (error) {
    if (!(error instanceof MessagingError) || (error.code !== "NoStore" && error.code !== "PermissionDenied")) throw error;
    return askBatch(messaging, { ...get, asked: bucket }, inbox, signal).catch((second: unknown) => {
      // A person is permitted our own name alone: what it said is the reason.
      throw second instanceof MessagingError && second.code === "PermissionDenied" ? error : second;
    });
  }
}

async function askBatch(
  messaging: Messaging,
  { stream, subject, from, most, asked }: BatchGet & { readonly asked: string },
  inbox: string,
  signal: AbortSignal,
): Promise<Batch> {
  const what = `failed to read the stream "${stream}"`;
  const state = messaging.state();
  if (state.kind !== "connected") throw new MessagingError("NotConnected", `${what}: ${state.message}`);
  const { promise, resolve, reject } = Promise.withResolvers<Batch>();
  const messages: StreamMessage[] = [];
  const isSilent = (): void => reject(new errors.TimeoutError());
  let timer = setTimeout(isSilent, SILENT_MS);
  const take = (message: Msg): void => {
    clearTimeout(timer);
    timer = setTimeout(isSilent, SILENT_MS);
    const { code = 0, description = "" } = message.headers ?? {};
    if (code === NO_RESPONDERS) reject(new errors.NoRespondersError(asked));
    else if (code === NO_MESSAGE) resolve(NONE);
    else if (code === END_OF_BATCH) resolve({ messages, pending: Number(message.headers?.get("Nats-Num-Pending") ?? 0) });
    else if (code >= 400) reject(new MessagingError("Refused", `${what}: ${description}`));
    else messages.push(...messageOf(stream, message));
  };
  const reply = `${inbox}.${randomBytes(16).toString("base64url")}`;
  const subscription = messaging.connection.subscribe(reply, {
    callback: (error, message) => (error === null ? take(message) : reject(error)),
  });
  const ended = [signal, messaging.lost()];
  const stop = (): void => reject(signal.aborted ? signal.reason : new errors.ClosedConnectionError());
  for (const each of ended) each.addEventListener("abort", stop, { once: true });
  const denied = new MessagingError("PermissionDenied", `${what}: NATS does not permit it to this user`);
  messaging.mayBeRefused(asked);
  const unlisten = messaging.refusals.onRefused((refused) => void (refused === asked && reject(denied)));
  try {
    const start = "sequence" in from ? { seq: from.sequence } : { start_time: from.time };
    messaging.connection.publish(asked, JSON.stringify({ ...start, next_by_subj: subject, batch: most }), { reply });
    return await promise;
  } catch (error) {
    signal.throwIfAborted();
    throw asMessagingError(error, what);
  } finally {
    clearTimeout(timer);
    unlisten();
    subscription.unsubscribe();
    for (const each of ended) each.removeEventListener("abort", stop);
  }
}

/** Nothing where it is no message of this stream. */
function messageOf(stream: string, { headers, data }: Msg): StreamMessage[] {
  const sequence = Number(headers?.get("Nats-Sequence"));
  const writtenAtMs = Date.parse(headers?.get("Nats-Time-Stamp") ?? "");
  if (headers?.get("Nats-Stream") !== stream || !Number.isSafeInteger(sequence) || Number.isNaN(writtenAtMs)) return [];
  return [{ subject: headers.get("Nats-Subject"), sequence, writtenAtMs, data }];
}
