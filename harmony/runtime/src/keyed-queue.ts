// A queue of keys, level-triggered as controller-runtime's: an event only says that something about
// a key may have changed. Equal keys are merged; one key is never handled twice at once; a key that
// is added while it is handled is handled once more after. A handler that throws is tried again
// with back-off; one that returns a number is called again after that many milliseconds.

import { backoffMs } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";

export interface KeyedQueueOptions<Key extends string> {
  /**
   * Aborted when the queue is closed, or when the key is added with `interrupt`. Returns when to
   * look again, or nothing.
   */
  readonly handle: (key: Key, signal: AbortSignal) => Promise<number | null | undefined>;
  /** Called for every throw that is not an abort. `failures`: how many in a row. */
  readonly onError: (key: Key, error: unknown, retryAfterMs: number, failures: number) => void;
  /** The number of keys handled at once; Infinity gives every key a worker of its own. */
  readonly concurrency?: number;
  readonly baseMs?: number;
  readonly maxMs?: number;
  readonly clock?: Clock;
}

/** What is known of a key that was added: an item of the queue, as in Kubernetes' workqueue. */
interface Item {
  state: "idle" | "waiting" | "running";
  again: boolean;
  failures: number;
  timer: AbortController | null;
  dueMs: number;
  run: AbortController | null;
  startedMs: number;
}

export class KeyedQueue<Key extends string> {
  readonly #options: Required<KeyedQueueOptions<Key>>;
  readonly #items = new Map<Key, Item>();
  readonly #waiting: Key[] = [];
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(options: KeyedQueueOptions<Key>) {
    this.#options = { concurrency: Infinity, baseMs: 250, maxMs: 60_000, clock: systemClock, ...options };
  }

  /** `interrupt` aborts the handling under way: its goal is known to be out of date. */
  add(key: Key, options: { interrupt?: boolean } = {}): void {
    if (this.#closed) return;
    const item = this.#item(key);
    item.timer?.abort();
    item.timer = null;
    if (item.state === "running") {
      item.again = true;
      if (options.interrupt === true) item.run?.abort(new Error("superseded"));
    } else if (item.state === "idle") {
      item.state = "waiting";
      this.#waiting.push(key);
      this.#next();
    }
  }

  /** The soonest of several delays counts; an `add` in between replaces it. */
  addAfter(key: Key, delayMs: number): void {
    if (this.#closed) return;
    const item = this.#item(key);
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    if (item.timer !== null && item.dueMs <= dueMs) return;
    item.timer?.abort();
    const timer = new AbortController();
    item.timer = timer;
    item.dueMs = dueMs;
    clock.sleep(delayMs, timer.signal).then(
      () => this.add(key),
      () => undefined,
    );
  }

  /**
   * The keys that are handled now, and since when by the monotonic clock, which shows a handling
   * that never ends.
   */
  running(): { readonly key: Key; readonly sinceMs: number }[] {
    return [...this.#items].filter(([, item]) => item.state === "running").map(([key, item]) => ({ key, sinceMs: item.startedMs }));
  }

  /** Aborts running handlers, drops waiting keys, and resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.length = 0;
    for (const item of this.#items.values()) {
      item.timer?.abort();
      item.run?.abort(new Error("shutting down"));
    }
    await Promise.all(this.#running);
  }

  #item(key: Key): Item {
    const known = this.#items.get(key);
    if (known !== undefined) return known;
    const item: Item = { state: "idle", again: false, failures: 0, timer: null, dueMs: 0, run: null, startedMs: 0 };
    this.#items.set(key, item);
    return item;
  }

  #next(): void {
    while (!this.#closed && this.#running.size < this.#options.concurrency) {
      const key = this.#waiting.shift();
      if (key === undefined) return;
      const run: Promise<void> = this.#run(key, this.#item(key)).finally(() => {
        this.#running.delete(run);
        this.#next();
      });
      this.#running.add(run);
    }
  }

  async #run(key: Key, item: Item): Promise<void> {
    const { handle, onError, baseMs, maxMs } = this.#options;
    const run = new AbortController();
    item.state = "running";
    item.run = run;
    item.startedMs = this.#options.clock.monotonicMs();
    let againAfterMs: number | null | undefined;
    try {
      againAfterMs = await handle(key, run.signal);
      item.failures = 0;
    } catch (error) {
      if (!run.signal.aborted) {
        item.failures += 1;
        againAfterMs = backoffMs(item.failures, { baseMs, maxMs });
        onError(key, error, againAfterMs, item.failures);
      }
    }
    item.state = "idle";
    item.run = null;
    const { again } = item;
    item.again = false;
    if (again) this.add(key);
    else if (typeof againAfterMs === "number") this.addAfter(key, againAfterMs);
    else if (item.timer === null && item.failures === 0) this.#items.delete(key);
  }
}
