// One request and its answer, with the reasons of a failure kept apart. Nothing is sent while there
// is no connection: the client would keep it in a buffer that it throws away when it reconnects
// (measured), and the caller would wait for a time-out that was certain.

import { abortable } from "@harmony/runtime";
import { errors, type Msg, type MsgHdrs } from "@nats-io/nats-core";
import type { Messaging } from "./connect.ts";
import { asMessagingError, MessagingError } from "./messaging-error.ts";
import type { Reading } from "./replies.ts";

const TIMEOUT_MS = 5_000;

export interface RequestOptions<Answer> {
  /** It says in an error what was tried: `failed to read "pi-1"`. */
  readonly what: string;
  /** Null: something else arrived in the place of the answer. */
  readonly readAnswer: (message: Msg) => Reading<Answer> | null;
  readonly headers?: MsgHdrs;
  readonly signal?: AbortSignal;
}

/** @throws MessagingError, or the signal's reason. */
export async function request<Answer>(
  messaging: Messaging,
  subject: string,
  payload: string,
  options: RequestOptions<Answer>,
): Promise<Answer> {
  const { what, headers, readAnswer, signal } = options;
  signal?.throwIfAborted();
  const state = messaging.state();
  if (state.kind !== "connected") throw new MessagingError("NotConnected", `${what}: ${state.message}`);
  const answer = messaging.replies.ask(subject, payload, { timeoutMs: TIMEOUT_MS, headers, readAnswer });
  try {
    // A time-out would say the same, five seconds later.
    return await abortable(answer, signal === undefined ? messaging.lost() : AbortSignal.any([signal, messaging.lost()]));
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof errors.TimeoutError) messaging.doubt();
    throw asMessagingError(error, what);
  }
}
