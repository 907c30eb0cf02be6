// What strangers may cost: so many requests a minute from one address, and nonces that take no
// memory until they are used. What is kept is bounded.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
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

/** A host with one address of IPv6 has all that share its first half. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(":")) return mapped ?? address;
  const [head = ""] = address.split("::", 1);
  return head.split(":").slice(0, 4).join(":");
}

const NONCE_LIFE_MS = 60_000;
const NONCE = /^([0-9a-z]{1,11})\.([\w-]{22})\.([\w-]{43})$/;

/**
 * A nonce carries its own end and our signature, so that one that nobody uses costs no memory: who
 * asks for millions keeps no device from asking. Kept are those that were used, until their end.
 */
export class Nonces {
  readonly #mostUsed: number;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #secret = randomBytes(32);
  /** In the order of their use. */
  readonly #used = new Map<string, number>();

  constructor(mostUsed: number, clock: Pick<Clock, "monotonicMs">) {
    this.#mostUsed = mostUsed;
    this.#clock = clock;
  }

  make(): string {
    const end = Math.floor(this.#clock.monotonicMs() + NONCE_LIFE_MS).toString(36);
    const text = `${end}.${randomBytes(16).toString("base64url")}`;
    return `${text}.${this.#sign(text).toString("base64url")}`;
  }

  /** true once, in its time. */
  use(nonce: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const [, end = "", random = "", signature = ""] = NONCE.exec(nonce) ?? [];
    const untilMs = parseInt(end, 36);
    if (!(untilMs > nowMs) || this.#used.has(random)) return false;
    const shown = Buffer.from(signature, "base64url");
    const own = this.#sign(`${end}.${random}`);
    if (shown.length !== own.length || !timingSafeEqual(shown, own)) return false;
    for (const [used, endMs] of this.#used) {
      if (endMs > nowMs) break;
      this.#used.delete(used);
    }
    if (this.#used.size >= this.#mostUsed) return false;
    this.#used.set(random, nowMs + NONCE_LIFE_MS);
    return true;
  }

  #sign(text: string): Buffer {
    return createHmac("sha256", this.#secret).update(text).digest();
  }
}
