// The refusals in the log: the first of a device and reason at once, later ones counted and written
// every minute, so that a device that tries for ever fills no disk. It remembers a bounded number.

import type { Log } from "@harmony/runtime";

export interface Refusal {
  readonly device: string;
  readonly why: string;
  readonly address: string;
}

const EVERY_MS = 60_000;
const REMEMBERED = 1_000;

export class RefusalLog {
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;
  readonly #counts = new Map<string, { readonly refusal: Refusal; more: number }>();
  #beyond = 0;

  constructor(log: Log) {
    this.#log = log;
    this.#timer = setInterval(() => this.flush(), EVERY_MS).unref();
  }

  add(refusal: Refusal): void {
    const key = `${refusal.device} ${refusal.why}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.more += 1;
    else if (this.#counts.size >= REMEMBERED) this.#beyond += 1;
    else {
      this.#counts.set(key, { refusal, more: 0 });
      this.#log.warn("a login is refused", { ...refusal });
    }
  }

  flush(): void {
    for (const [key, { refusal, more }] of this.#counts) {
      if (more === 0) this.#counts.delete(key);
      else {
        this.#counts.set(key, { refusal, more: 0 });
        this.#log.warn("a login is refused, again", { ...refusal, times: more });
      }
    }
    if (this.#beyond > 0) this.#log.warn("more logins are refused than are written one by one", { times: this.#beyond });
    this.#beyond = 0;
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }
}
