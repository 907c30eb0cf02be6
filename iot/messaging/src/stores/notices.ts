// Bounds what notices may cost this device. The server delivers an answer to whatever reply subject
// the asker names, so another device can send as many notices as its own link bears. A notice is
// followed at once after quiet, and otherwise at most once a second, unless the one before it came
// true; what it announces is followed once; its payload is never looked at. When more arrives than
// honest notices ever are, the subscription ends for a minute, and longer each time that this goes
// on, since bytes that arrive are paid for (docs/adr/0037).

import type { Log } from "@harmony/runtime";
import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import { FloodGate } from "../connection/flood-gate.ts";
import type { StoreReason } from "./reasons.ts";

const FOLLOW_EVERY_MS = 1_000;
/** What was announced and is remembered, so that it is followed once. */
const REMEMBERED = 64;

export interface NoticesOptions {
  readonly connection: NatsConnection;
  readonly log: Log;
  /** Asked at each subscription. */
  readonly subject: () => string;
  /** The key whose changes are announced. */
  readonly announced: string;
  /** Null: the notice does not say the sequence, or some may have been missed. */
  readonly follow: (sequence: number | null) => void;
}

export class Notices {
  readonly #options: NoticesOptions;
  readonly #followed = new Set<string>();
  readonly #gate = new FloodGate();
  #subscription: Subscription | null = null;
  #lastFollowedMs = -Infinity;
  /** What is followed when the second is over; undefined: nothing waits. */
  #waiting: number | null | undefined;
  #pace: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(options: NoticesOptions) {
    this.#options = options;
    this.#subscribe();
  }

  /** The subject is another one now. While the subscription is ended it stays so. */
  moved(): void {
    const before = this.#subscription;
    if (before === null) return;
    this.#subscribe();
    before.unsubscribe();
  }

  /**
   * A reading gave a manifest that is new, at `sequence`: only who may write it can bring that
   * about, and the next notice is followed at once. One that announced no more has been followed.
   */
  cameTrue(sequence: number): void {
    this.#lastFollowedMs = -Infinity;
    if (this.#waiting === undefined) return;
    clearTimeout(this.#pace);
    if (this.#waiting === null || this.#waiting > sequence) this.#followWaiting();
    else this.#waiting = undefined;
  }

  /** Some may have been missed. */
  missed(): void {
    this.#follow(null);
  }

  close(): void {
    clearTimeout(this.#pace);
    clearTimeout(this.#again);
    this.#subscription?.unsubscribe();
    this.#subscription = null;
  }

  #subscribe(): void {
    const { connection, subject } = this.#options;
    this.#subscription = connection.subscribe(subject(), {
      callback: (error, message) => {
        if (error === null && this.#subscription !== null) this.#hear(message);
      },
    });
  }

  #hear(message: Msg): void {
    if (this.#gate.isFlood(message)) {
      this.#end();
      return;
    }
    const { headers } = message;
    if (headers?.get("Nats-Subject") !== this.#options.announced) return;
    const sequence = Number(headers.get("Nats-Sequence"));
    if (!Number.isSafeInteger(sequence) || sequence < 1) {
      this.#follow(null);
      return;
    }
    // A store that was restored gives a number a second time, at another time.
    if (this.#isNew(`${sequence} ${headers.get("Nats-Time-Stamp")}`)) this.#follow(sequence);
  }

  #end(): void {
    const { log, subject } = this.#options;
    const closedForMs = this.#gate.closeMs();
    log.warn("more notices arrive than an operator sends, so they are not listened to for a while; changes are seen when it is over", {
      reason: "NoticeFlood" satisfies StoreReason,
      subject: subject(),
      seconds: closedForMs / 1_000,
    });
    this.#subscription?.unsubscribe();
    this.#subscription = null;
    this.#again = setTimeout(() => {
      this.#gate.opened();
      this.#subscribe();
      this.#follow(null);
    }, closedForMs);
  }

  #isNew(announcement: string): boolean {
    if (this.#followed.has(announcement)) return false;
    this.#followed.add(announcement);
    const [oldest] = this.#followed;
    if (this.#followed.size > REMEMBERED && oldest !== undefined) this.#followed.delete(oldest);
    return true;
  }

  #follow(sequence: number | null): void {
    const nowMs = performance.now();
    const inMs = this.#lastFollowedMs + FOLLOW_EVERY_MS - nowMs;
    if (inMs <= 0 && this.#waiting === undefined) {
      this.#lastFollowedMs = nowMs;
      this.#options.follow(sequence);
      return;
    }
    if (this.#waiting === undefined) this.#pace = setTimeout(() => this.#followWaiting(), Math.max(0, inMs));
    this.#waiting = sequence;
  }

  #followWaiting(): void {
    const sequence = this.#waiting ?? null;
    this.#waiting = undefined;
    this.#lastFollowedMs = performance.now();
    this.#options.follow(sequence);
  }
}
