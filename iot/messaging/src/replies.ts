// Requests and their answers over one subscription. The client's own has two random words in every reply subject, 44 bytes that travel
// twice with each status: a tenth of what an idle device sends in a month. Here the first word is drawn once a connection (short, where
// the prefix is the device's alone) and the second is a number.

import { randomInt } from "node:crypto";
import { createInbox, errors, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";

export interface AskOptions {
  readonly timeoutMs: number;
  readonly headers?: MsgHdrs | undefined;
}

interface Pending {
  readonly subject: string;
  readonly resolve: (answer: Msg) => void;
  readonly reject: (error: Error) => void;
}

const NO_RESPONDERS = 503;
/** Of four letters: an answer to a process that died does not reach its successor under the same number. */
const WORDS = 36 ** 4;

export class Replies {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #pending = new Map<string, Pending>();
  #last = 0;

  /** `ownPrefix`: one that nobody else replies under; null: the common one, with a word of the client's. */
  constructor(connection: NatsConnection, ownPrefix: string | null) {
    this.#connection = connection;
    this.#prefix = ownPrefix === null ? createInbox() : `${ownPrefix}.${randomInt(WORDS).toString(36)}`;
    connection.subscribe(`${this.#prefix}.*`, { callback: (error, message) => this.#answer(error, message) });
  }

  /** @throws the client's errors: TimeoutError, NoRespondersError, PermissionViolationError, ClosedConnectionError, … */
  ask(subject: string, payload: string, { timeoutMs, headers }: AskOptions): Promise<Msg> {
    this.#last += 1;
    const reply = `${this.#prefix}.${this.#last.toString(36)}`;
    const { promise, resolve, reject } = Promise.withResolvers<Msg>();
    const timer = setTimeout(() => reject(new errors.TimeoutError()), timeoutMs);
    this.#pending.set(reply, { subject, resolve, reject });
    try {
      this.#connection.publish(subject, payload, { reply, ...(headers === undefined ? {} : { headers }) });
    } catch (error) {
      reject(error);
    }
    return promise.finally(() => {
      clearTimeout(timer);
      this.#pending.delete(reply);
    });
  }

  /** The server tells what it does not permit beside the answers, and names only the subject. */
  refuse(error: Error & { readonly subject: string }): void {
    for (const { subject, reject } of this.#pending.values()) if (subject === error.subject) reject(error);
  }

  #answer(error: Error | null, message: Msg): void {
    const pending = this.#pending.get(message.subject);
    if (pending === undefined) return;
    if (error !== null) return pending.reject(error);
    if (message.headers?.code === NO_RESPONDERS && message.data.length === 0) pending.reject(new errors.NoRespondersError(pending.subject));
    else pending.resolve(message);
  }
}
