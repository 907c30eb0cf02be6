// How long to wait before NATS is tried again: soon at first, then every 3 to 6 s, at random, so
// that a device is back within 10 s of whatever the cure was and a fleet of thousands still comes
// spread over seconds. A server that let the dials run into their time-out is given longer, up to 2
// min: it may be slow because of those that dial. A change of this machine's own network (a cable,
// an address, a name server) is a reason to try at once, also one that came while the last attempt
// was still waiting for an answer.

import { backoffMs, type Clock, systemClock } from "@harmony/runtime";
import { readLocalNetwork } from "./local-network.ts";

const RETRY = { baseMs: 500, maxMs: 6_000 };
const RETRY_SLOW = { baseMs: 3_000, maxMs: 120_000 };
const LOOK_EVERY_MS = 1_000;
/** A switch that comes back brings many devices at once. */
const SPREAD_MS = 1_000;

export interface DialPacerOptions {
  readonly clock?: Pick<Clock, "monotonicMs" | "sleep">;
  readonly fingerprint?: () => string;
  readonly random?: () => number;
}

export class DialPacer {
  readonly #clock: Pick<Clock, "monotonicMs" | "sleep">;
  readonly #fingerprint: () => string;
  readonly #random: () => number;
  #attempt = 0;
  /** The time-outs in a row. */
  #slow = 0;
  #seen: string;

  constructor({ clock = systemClock, fingerprint = () => readLocalNetwork().fingerprint, random = Math.random }: DialPacerOptions = {}) {
    this.#clock = clock;
    this.#fingerprint = fingerprint;
    this.#random = random;
    this.#seen = fingerprint();
  }

  /**
   * Resolves when it is time for the next attempt. `isSlow`: the last one had no answer in time.
   * @throws the signal's reason.
   */
  async pause(signal: AbortSignal, { isSlow }: { readonly isSlow: boolean }): Promise<void> {
    this.#attempt += 1;
    this.#slow = isSlow ? this.#slow + 1 : 0;
    const random = this.#random;
    const waitMs = isSlow ? backoffMs(this.#slow, { ...RETRY_SLOW, random }) : backoffMs(this.#attempt, { ...RETRY, random });
    const dueMs = this.#clock.monotonicMs() + waitMs;
    for (;;) {
      if (this.#hasChanged()) return this.#clock.sleep(this.#random() * SPREAD_MS, signal);
      const leftMs = dueMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return;
      await this.#clock.sleep(Math.min(leftMs, LOOK_EVERY_MS), signal);
    }
  }

  #hasChanged(): boolean {
    const now = this.#fingerprint();
    if (now === this.#seen) return false;
    this.#seen = now;
    // A network comes back in steps: the carrier, the address, the route.
    this.#attempt = 0;
    this.#slow = 0;
    return true;
  }
}
