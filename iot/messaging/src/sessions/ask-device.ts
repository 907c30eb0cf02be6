// A person's end: asks a device, and gives the session that its answer is. Listens to the answer
// before it asks, under an inbox of its own, so that the first data comes after one round trip.

import { randomBytes } from "node:crypto";
import { abortable, type Clock, systemClock } from "@harmony/runtime";
import { COMMAND_LIMIT_BYTES, commandSubject, type CommandVerb, type DeviceId, sessionInputSubject } from "@iot/contracts";
import type { Messaging } from "../connection/connect.ts";
import { MessagingError } from "../connection/messaging-error.ts";
import type { SessionEnd } from "./session-end.ts";
import { SessionTable } from "./session-table.ts";

const NO_RESPONDERS = 503;
const OPEN_WITHIN_MS = 10_000;
const HEARS = ["stdout", "stderr", "notice", "status", "credit", "close"] as const;

export interface Question {
  readonly device: DeviceId;
  readonly verb: CommandVerb;
  readonly fields?: Readonly<Record<string, unknown>>;
  /** A verb without a stream: nothing is sent after the question. */
  readonly isShort?: boolean;
}

/** Asks on one connection; its sessions share a window. */
export class DeviceAsker {
  readonly #messaging: Messaging;
  readonly #inbox: string;
  readonly #sessions: SessionTable;

  /** `inbox`: the prefix of replies that this user alone hears. */
  constructor(messaging: Messaging, { inbox, clock = systemClock }: { readonly inbox: string; readonly clock?: Clock }) {
    this.#messaging = messaging;
    this.#inbox = inbox;
    this.#sessions = new SessionTable(clock);
  }

  /**
   * Resolves at the first word of the device. @throws MessagingError: PermissionDenied, NoStore (no
   * agent listens), Timeout, NotConnected, TooLarge; or the signal's reason.
   */
  async ask(question: Question, signal: AbortSignal): Promise<SessionEnd> {
    signal.throwIfAborted();
    const { device, verb, isShort = false } = question;
    const messaging = this.#messaging;
    const what = `failed to ask ${device} for ${verb}`;
    const state = messaging.state();
    if (state.kind !== "connected") throw new MessagingError("NotConnected", `${what}: ${state.message}`);
    const id = randomBytes(16).toString("hex");
    const body = bodyOf(id, question, what);
    const input = sessionInputSubject(device, id);
    const session = this.#sessions.open(id, {
      // A role without sessions may not send there.
      send: (frame) => void (isShort || messaging.connection.publish(input, frame)),
      hears: HEARS,
    });
    const reply = this.#listen(session, what);
    const subject = commandSubject(device, verb);
    const refused = messaging.refusals.onRefused((refusal) => {
      if (refusal === subject) reply.refuse(new MessagingError("PermissionDenied", `${what}: NATS does not permit it to this user`));
    });
    const late = new MessagingError("Timeout", `${what}: no answer within ${OPEN_WITHIN_MS / 1_000} s`);
    const timer = setTimeout(() => reply.refuse(late), OPEN_WITHIN_MS);
    try {
      messaging.connection.publish(subject, body, { reply: reply.inbox });
      await abortable(reply.heard, signal);
      return session;
    } catch (error) {
      // It may be open at the device all the same.
      if (error === late || signal.aborted) session.close();
      else session.drop("lost");
      throw error;
    } finally {
      clearTimeout(timer);
      refused();
    }
  }

  #listen(
    session: SessionEnd,
    what: string,
  ): { readonly inbox: string; readonly heard: Promise<void>; readonly refuse: (error: Error) => void } {
    const { promise: heard, resolve, reject: refuse } = Promise.withResolvers<void>();
    // It may be refused when nobody waits any more.
    heard.catch(() => undefined);
    const inbox = `${this.#inbox}.${randomBytes(12).toString("base64url")}`;
    const subscription = this.#messaging.connection.subscribe(inbox, {
      callback: (error, { headers, data }) => {
        if (error !== null) return refuse(new MessagingError("PermissionDenied", `${what}: NATS lets this user not hear its own answers`));
        if (headers?.code === NO_RESPONDERS && data.length === 0)
          return refuse(new MessagingError("NoStore", `${what}: no agent of this name is connected to NATS`));
        session.receive(data);
        if (session.isHeard) resolve();
      },
    });
    const connection = this.#messaging.lost();
    const lost = (): void => session.drop("lost");
    connection.addEventListener("abort", lost, { once: true });
    void session.ended.then(({ kind }) => {
      subscription.unsubscribe();
      connection.removeEventListener("abort", lost);
      if (kind !== "status") refuse(new MessagingError("NotConnected", `${what}: the connection to NATS was lost`));
    });
    return { inbox, heard, refuse };
  }
}

function bodyOf(session: string, { fields = {} }: Question, what: string): string {
  const body = JSON.stringify({ session, ...fields });
  const bytes = Buffer.byteLength(body);
  if (bytes <= COMMAND_LIMIT_BYTES) return body;
  throw new MessagingError("TooLarge", `${what}: the question has ${bytes} bytes, and a device reads ${COMMAND_LIMIT_BYTES}`);
}
