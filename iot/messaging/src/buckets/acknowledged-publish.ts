// A write to a bucket, or to another stream, that the server has acknowledged, or a reason why not.
// A publish without it is lost whenever there is no connection (measured). Never with a message id:
// one that collides drops another's message. An acknowledgement must name the stream. It does not
// name the key, so what matters is repeated by the next status.

import { parseJson } from "@harmony/schema";
import { type BucketName, streamName } from "@iot/contracts";
import { errors, headers as newHeaders, type Msg } from "@nats-io/nats-core";
import * as z from "zod/mini";
import type { Messaging } from "../connection/connect.ts";
import { MessagingError } from "../connection/messaging-error.ts";
import { whyFull } from "./full-store.ts";
import type { Reading } from "../connection/replies.ts";
import { request } from "../connection/request.ts";

const Acknowledgement = z.union([
  z.object({
    stream: z.optional(z.string()),
    error: z.object({ code: z.int(), err_code: z.optional(z.int()), description: z.string() }),
  }),
  z.object({ stream: z.string(), seq: z.int() }),
]);
type Acknowledgement = z.output<typeof Acknowledgement>;

const WRONG_LAST_SEQUENCE = [10071, 10164];
const MESSAGE_TOO_LARGE = 10054;

export type PublishResult =
  | { readonly ok: true; readonly revision: number }
  /** `last`: the sequence that the subject has; undefined: the server does not name it. */
  | { readonly ok: false; readonly reason: "Conflict"; readonly last?: number };

export interface PublishOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

interface Addressed {
  /** The entry's subject. */
  readonly subject: string;
  /** The subject to which it is sent, when that is another one. */
  readonly sentTo?: string;
}

/** To a bucket, or to another stream. */
export type AcknowledgedWrite = Addressed & ({ readonly bucket: BucketName } | { readonly stream: string });

/**
 * `Conflict` when the headers expect a sequence that is no longer the last. @throws MessagingError
 */
export async function publishAcknowledged(
  messaging: Messaging,
  write: AcknowledgedWrite,
  payload: string,
  options: PublishOptions = {},
): Promise<PublishResult> {
  const { subject, sentTo = subject } = write;
  const stream = "bucket" in write ? streamName(write.bucket) : write.stream;
  const what = `failed to write "${subject}"`;
  const headers = newHeaders();
  for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value);
  const answer = await request(messaging, sentTo, payload, {
    what,
    headers,
    readAnswer: (message) => readAcknowledgement(stream, message),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }).catch((error: unknown) => {
    throw error instanceof MessagingError && error.cause instanceof errors.TimeoutError ? unanswered(what, error) : error;
  });
  if ("seq" in answer) return { ok: true, revision: answer.seq };
  const { err_code: code = 0, description } = answer.error;
  if (WRONG_LAST_SEQUENCE.includes(code)) return { ok: false, reason: "Conflict", ...lastNamedIn(description) };
  if (code === MESSAGE_TOO_LARGE) throw new MessagingError("TooLarge", `${what}: larger than the bucket takes`);
  const full = whyFull(stream, code, description);
  if (full !== null) throw new MessagingError("StoreFull", `${what}: ${full}`);
  throw new MessagingError("Refused", `${what}: ${description}`);
}

/** A server whose disk was full answers questions, and no write, until it is restarted (2.15). */
function unanswered(what: string, cause: MessagingError): MessagingError {
  const mend = "check the network, the load of the server and its disk: after that was full, free some of it and restart nats-server";
  return new MessagingError("Timeout", `${what}: no answer from NATS in time; ${mend}`, { cause });
}

/** One replica names the sequence that there is; several may not. */
function lastNamedIn(description: string): { readonly last?: number } {
  const [, last] = /wrong last sequence: (\d+)/.exec(description) ?? [];
  return last === undefined ? {} : { last: Number(last) };
}

function readAcknowledgement(expected: string, { data }: Msg): Reading<Acknowledgement> | null {
  const parsed = parseJson(Acknowledgement, data);
  if (!parsed.ok) return null;
  const { stream = expected } = parsed.value;
  return stream === expected ? { answer: parsed.value, isSure: "seq" in parsed.value } : null;
}
