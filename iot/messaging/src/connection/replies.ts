// Requests and their answers over one subscription. The client's own has two random words in every
// reply subject, 44 bytes that travel twice with each status: a tenth of what an idle device sends
// in a month. Here the first word is drawn once a connection (shorter where the prefix is the
// device's alone) and the second is a number.
//
// An answer is not believed because of where it arrived. Whoever may publish anything that the
// server answers can name any subject for that answer (docs/adr/0026). So the word is a secret that
// nobody tries through, and each question says what its answer looks like.

import { randomBytes } from "node:crypto";
import { errors, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";

/**
 * What a message says. `isSure` false: it may answer another's question, so a sure one is waited
 * for a little longer.
 */
export interface Reading<Answer> {
  readonly answer: Answer;
  readonly isSure: boolean;
}

export interface AskOptions<Answer> {
  readonly timeoutMs: number;
  readonly headers?: MsgHdrs | undefined;
  /**
   * Null: the message is no answer to this question; it is dropped, and the wait goes on. Must not
   * throw.
   */
  readonly readAnswer: (message: Msg) => Reading<Answer> | null;
}

interface Pending {
  readonly subject: string;
  /** Returns whether the message was the answer. */
  readonly take: (message: Msg) => boolean;
  readonly reject: (error: Error) => void;
}

const NO_RESPONDERS = 503;
/** Longer than the true answer is behind a false one that was there first: a round trip. */
const SURE_WITHIN_MS = 300;
/** 48 bits: at 22,000 tries a second (measured) half of them take two centuries. */
const OWN_WORD_BYTES = 6;
/** 128 bits, where everybody replies under the same prefix. */
const COMMON_WORD_BYTES = 16;

export class Replies {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #onForeign: (subject: string) => void;
  readonly #pending = new Map<string, Pending>();
  #last = 0;

  /**
   * `ownPrefix`: the device's, under which nobody else listens; null: the common one. `onForeign`
   * hears of each message that answers a question without being its answer.
   */
  constructor(connection: NatsConnection, ownPrefix: string | null, onForeign: (subject: string) => void) {
    this.#connection = connection;
    this.#prefix = ownPrefix === null ? `_INBOX.${word(COMMON_WORD_BYTES)}` : `${ownPrefix}.${word(OWN_WORD_BYTES)}`;
    this.#onForeign = onForeign;
    connection.subscribe(`${this.#prefix}.*`, { callback: (error, message) => this.#answer(error, message) });
  }

  /**
   * @throws the client's errors: TimeoutError, NoRespondersError, PermissionViolationError,
   * ClosedConnectionError, …
   */
  ask<Answer>(subject: string, payload: string, { timeoutMs, headers, readAnswer }: AskOptions<Answer>): Promise<Answer> {
    this.#last += 1;
    const reply = `${this.#prefix}.${this.#last.toString(36)}`;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    let unsure: NodeJS.Timeout | undefined;
    const take = (message: Msg): boolean => {
      const reading = readAnswer(message);
      if (reading?.isSure === true) resolve(reading.answer);
      else if (reading !== null) unsure ??= setTimeout(() => resolve(reading.answer), SURE_WITHIN_MS);
      return reading !== null;
    };
    const timer = setTimeout(() => reject(new errors.TimeoutError()), timeoutMs);
    this.#pending.set(reply, { subject, take, reject });
    try {
      this.#connection.publish(subject, payload, { reply, ...(headers === undefined ? {} : { headers }) });
    } catch (error) {
      reject(error);
    }
    return promise.finally(() => {
      clearTimeout(timer);
      clearTimeout(unsure);
      this.#pending.delete(reply);
    });
  }

  /** The server reports what it does not permit beside the answers, and names only the subject. */
  refuse(error: Error & { readonly subject: string }): void {
    for (const { subject, reject } of this.#pending.values()) if (subject === error.subject) reject(error);
  }

  /** What was asked of subjects that begin so is not answered any more. */
  giveUp(prefix: string, error: Error): void {
    for (const { subject, reject } of this.#pending.values()) if (subject.startsWith(prefix)) reject(error);
  }

  #answer(error: Error | null, message: Msg): void {
    const pending = this.#pending.get(message.subject);
    if (pending === undefined) return;
    if (error !== null) return pending.reject(error);
    if (message.headers?.code === NO_RESPONDERS && message.data.length === 0) pending.reject(new errors.NoRespondersError(pending.subject));
    else if (!pending.take(message)) this.#onForeign(pending.subject);
  }
}

function word(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}
