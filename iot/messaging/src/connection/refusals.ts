// Subjects that NATS does not permit. Whoever asked gets its own error, a subscription gets
// nothing; so each is logged once a connection, unless whoever uses it has another way.

import type { Log } from "@harmony/runtime";

export class Refusals {
  readonly #log: Log;
  readonly #mayBe = new Set<string>();
  readonly #logged = new Set<string>();
  readonly #callbacks = new Set<(subject: string) => void>();

  constructor(log: Log) {
    this.#log = log;
  }

  mayBe(subject: string): void {
    this.#mayBe.add(subject);
  }

  /** Calls back with the subject. Returns what ends that. */
  onRefused(callback: (subject: string) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  reconnected(): void {
    this.#logged.clear();
  }

  tell({ operation, subject }: { readonly operation: string; readonly subject: string }): void {
    for (const callback of this.#callbacks) callback(subject);
    if (this.#mayBe.has(subject) || this.#logged.has(`${operation} ${subject}`)) return;
    this.#logged.add(`${operation} ${subject}`);
    this.#log.warn("NATS does not permit a subject to this user", { operation, subject });
  }
}
