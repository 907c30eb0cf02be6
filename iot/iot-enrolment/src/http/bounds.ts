// What strangers may cost: so many requests a minute from one address, and so many nonces. All of it
// is in memory, and bounded.

import { randomBytes } from "node:crypto";
import type { Clock } from "@harmony/runtime";

const WINDOW_MS = 60_000;
const ADDRESSES = 20_000;

export class AddressLimit {
  readonly #perMinute: number;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #counts = new Map<string, number>();
  #since = -Infinity;

  constructor(perMinute: number, clock: Pick<Clock, "monotonicMs">) {
    this.#perMinute = perMinute;
    this.#clock = clock;
  }

  /** null: it may; else the seconds after which it may. */
  count(address: string): number | null {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#since >= WINDOW_MS || this.#counts.size >= ADDRESSES) {
      this.#counts.clear();
      this.#since = nowMs;
    }
    const key = networkOf(address);
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count <= this.#perMinute ? null : Math.ceil((this.#since + WINDOW_MS - nowMs) / 1_000);
  }
}

/** Who has one address of IPv6 has all that share its first half. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(":")) return mapped ?? address;
  const [head = ""] = address.split("::", 1);
  return head.split(":").slice(0, 4).join(":");
}

const NONCE_LIFE_MS = 60_000;

export class Nonces {
  readonly #most: number;
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** In the order of their making. */
  readonly #until = new Map<string, number>();

  constructor(most: number, clock: Pick<Clock, "monotonicMs">) {
    this.#most = most;
    this.#clock = clock;
  }

  /** null: too many are not used yet. */
  make(): string | null {
    const nowMs = this.#clock.monotonicMs();
    for (const [nonce, untilMs] of this.#until) {
      if (untilMs > nowMs) break;
      this.#until.delete(nonce);
    }
    if (this.#until.size >= this.#most) return null;
    const nonce = randomBytes(16).toString("base64url");
    this.#until.set(nonce, nowMs + NONCE_LIFE_MS);
    return nonce;
  }

  /** true once, in its time. */
  use(nonce: string): boolean {
    const untilMs = this.#until.get(nonce);
    this.#until.delete(nonce);
    return untilMs !== undefined && untilMs > this.#clock.monotonicMs();
  }
}
