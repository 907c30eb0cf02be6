// A write to a bucket that the server has acknowledged, or a reason why not. A publish without it is lost whenever there is no
// connection (measured). Never with a message id: one that collides drops another's message.

import { parseJson } from "@harmony/schema";
import { headers as newHeaders } from "@nats-io/nats-core";
import * as z from "zod/mini";
import type { Messaging } from "./connect.ts";
import { MessagingError } from "./messaging-error.ts";
import { request } from "./request.ts";

const Acknowledgement = z.union([
  z.object({ error: z.object({ code: z.int(), err_code: z.optional(z.int()), description: z.string() }) }),
  z.object({ stream: z.string(), seq: z.int() }),
]);

const WRONG_LAST_SEQUENCE = [10071, 10164];
const MESSAGE_TOO_LARGE = 10054;

export type PublishResult = { readonly ok: true; readonly revision: number } | { readonly ok: false; readonly reason: "Conflict" };

export interface PublishOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** `Conflict` when the headers expect a sequence that is no longer the last. @throws MessagingError */
export async function publishAcknowledged(
  messaging: Messaging,
  subject: string,
  payload: string,
  options: PublishOptions = {},
): Promise<PublishResult> {
  const what = `failed to write "${subject}"`;
  const headers = newHeaders();
  for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value);
  const answer = await request(messaging, subject, payload, {
    what,
    headers,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const parsed = parseJson(Acknowledgement, answer.data);
  if (!parsed.ok) throw new MessagingError("Refused", `${what}: who answered is no JetStream`);
  if ("seq" in parsed.value) return { ok: true, revision: parsed.value.seq };
  const { err_code: code = 0, description } = parsed.value.error;
  if (WRONG_LAST_SEQUENCE.includes(code)) return { ok: false, reason: "Conflict" };
  if (code === MESSAGE_TOO_LARGE) throw new MessagingError("TooLarge", `${what}: larger than the bucket takes`);
  throw new MessagingError("Refused", `${what}: ${description}`);
}
