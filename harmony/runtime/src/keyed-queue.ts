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
  /** Called for every throw that is not an abort. */
  readonly onError: (key: Key, error: unknown, retryAfterMs: number) => void;
  /** The number of keys handled at once; Infinity gives every key a worker of its own. */
  readonly concurrency?: number;
  readonly baseMs?: number;
  readonly maxMs?: number;
  readonly clock?: Clock;
}

interface Lane {
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
  readonly #lanes = new Map<Key, Lane>();
  readonly #waiting: Key[] = [];
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(options: KeyedQueueOptions<Key>) {
    this.#options = { concurrency: Infinity, baseMs: 250, maxMs: 60_000, clock: systemClock, ...options };
  }

  /** `interrupt` aborts the handling under way: its goal is known to be out of date. */
  add(key: Key, options: { interrupt?: boolean } = {}): void {
    if (this.#closed) return;
    const lane = this.#lane(key);
    lane.timer?.abort();
    lane.timer = null;
    if (lane.state === "running") {
      lane.again = true;
      if (options.interrupt === true) lane.run?.abort(new Error("superseded"));
    } else if (lane.state === "idle") {
      lane.state = "waiting";
      this.#waiting.push(key);
      this.#next();
    }
  }

  /** The soonest of several delays counts; an `add` in between replaces it. */
  addAfter(key: Key, delayMs: number): void {
    if (this.#closed) return;
    const lane = this.#lane(key);
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    if (lane.timer !== null && lane.dueMs <= dueMs) return;
    lane.timer?.abort();
    const timer = new AbortController();
    lane.timer = timer;
    lane.dueMs = dueMs;
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
    return [...this.#lanes].filter(([, lane]) => lane.state === "running").map(([key, lane]) => ({ key, sinceMs: lane.startedMs }));
  }

  /** Aborts running handlers, drops waiting keys, and resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.length = 0;
    for (const lane of this.#lanes.values()) {
      lane.timer?.abort();
      lane.run?.abort(new Error("shutting down"));
    }
    await Promise.all(this.#running);
  }

  #lane(key: Key): Lane {
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = { state: "idle", again: false, failures: 0, timer: null, dueMs: 0, run: null, startedMs: 0 };
    this.#lanes.set(key, lane);
    return lane;
  }

  #next(): void {
    while (!this.#closed && this.#running.size < this.#options.concurrency) {
      const key = this.#waiting.shift();
      if (key === undefined) return;
      const run: Promise<void> = this.#run(key, this.#lane(key)).finally(() => {
        this.#running.delete(run);
        this.#next();
      });
      this.#running.add(run);
    }
  }

  async #run(key: Key, lane: Lane): Promise<void> {
    const { handle, onError, baseMs, maxMs } = this.#options;
    const run = new AbortController();
    lane.state = "running";
    lane.run = run;
    lane.startedMs = this.#options.clock.monotonicMs();
    let againAfterMs: number | null | undefined;
    try {
      againAfterMs = await handle(key, run.signal);
      lane.failures = 0;
    } catch (error) {
      if (!run.signal.aborted) {
        lane.failures += 1;
        againAfterMs = backoffMs(lane.failures, { baseMs, maxMs });
        onError(key, error, againAfterMs);
      }
    }
    lane.state = "idle";
    lane.run = null;
    const { again } = lane;
    lane.again = false;
    if (again) this.add(key);
    else if (typeof againAfterMs === "number") this.addAfter(key, againAfterMs);
    else if (lane.timer === null && lane.failures === 0) this.#lanes.delete(key);
  }
}
