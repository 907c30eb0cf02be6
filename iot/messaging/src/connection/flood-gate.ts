// When what arrives on a subscription is more than honest senders ever send, the subscription ends
// for a minute, and longer each time that this goes on: bytes that arrive are paid for, whatever
// becomes of them (docs/adr/0037). This says when, and for how long; who subscribes does it.

import type { Msg } from "@nats-io/nats-core";

/** Twenty notices of ours. */
const BYTES_A_SECOND = 4 * 1024;
const CLOSED_FOR_MS = 60_000;
/** That of the regular reading. */
const CLOSED_AT_MOST_MS = 15 * 60_000;
/** `HMSG <subject> <sid> <reply> <sizes>` without the subjects. */
const FRAME_BYTES = 24;

export class FloodGate {
  #closedForMs = 0;
  #openedAtMs = 0;
  #windowSinceMs = 0;
  #windowBytes = 0;

  isFlood(message: Msg): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#windowSinceMs >= 1_000) {
      this.#windowSinceMs = nowMs;
      this.#windowBytes = 0;
    }
    this.#windowBytes += bytesOf(message);
    return this.#windowBytes > BYTES_A_SECOND;
  }

  /** How long nothing is listened to now. */
  closeMs(): number {
    const isSoonAgain = performance.now() - this.#openedAtMs < this.#closedForMs;
    this.#closedForMs = isSoonAgain ? Math.min(2 * this.#closedForMs, CLOSED_AT_MOST_MS) : CLOSED_FOR_MS;
    return this.#closedForMs;
  }

  opened(): void {
    this.#openedAtMs = performance.now();
  }
}

/** What it took on the link. */
function bytesOf({ subject, reply = "", data, headers }: Msg): number {
  let bytes = FRAME_BYTES + subject.length + reply.length + data.length;
  for (const [name, values] of headers ?? []) for (const value of values) bytes += name.length + value.length + 4;
  return bytes;
}
