import { describe, expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { KeyedQueue } from "./keyed-queue.ts";

/** A clock that moves only when the test moves it. */
class ManualClock implements Clock {
  #nowMs = 0;
  readonly #sleepers = new Set<{ readonly dueMs: number; readonly wake: () => void }>();

  now(): number {
    return this.#nowMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { dueMs: this.#nowMs + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    signal?.addEventListener("abort", () => {
      this.#sleepers.delete(sleeper);
      reject(signal.reason);
    });
    return promise;
  }
  get sleeping(): number {
    return this.#sleepers.size;
  }
  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.dueMs > this.#nowMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await settled();
  }
}

/** Resolves when everything that follows from what has happened has happened. */
function settled(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}

interface Handling {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly finish: (again?: number | null) => Promise<void>;
  readonly fail: (error: Error) => Promise<void>;
}

function makeQueue(options: { readonly concurrency?: number } = {}) {
  const clock = new ManualClock();
  const handlings: Handling[] = [];
  const errors: { key: string; message: string; retryAfterMs: number }[] = [];
  const queue = new KeyedQueue<string>({
    ...options,
    clock,
    baseMs: 100,
    maxMs: 1_000,
    handle: (key, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<number | null | undefined>();
      signal.addEventListener("abort", () => reject(signal.reason));
      const then = async (act: () => void): Promise<void> => {
        act();
        await settled();
      };
      handlings.push({ key, signal, finish: (again) => then(() => resolve(again)), fail: (error) => then(() => reject(error)) });
      return promise;
    },
    onError: (key, error, retryAfterMs) => errors.push({ key, message: error instanceof Error ? error.message : "", retryAfterMs }),
  });
  const handling = (index: number): Handling => {
    const found = handlings[index];
    if (found === undefined) throw new Error(`there was no handling ${index}`);
    return found;
  };
  return { clock, queue, handlings, handling, errors };
}

describe("KeyedQueue", () => {
  test("gives each key a worker: one that is slow holds up no other", async () => {
    const { queue, handlings } = makeQueue();
    queue.add("a");
    queue.add("b");
    expect(handlings.map(({ key }) => key)).toEqual(["a", "b"]);
    await queue.close();
  });

  test("handles a key once more when it was added, however often, while it was handled", async () => {
    const { queue, handlings, handling } = makeQueue();
    queue.add("a");
    queue.add("a");
    queue.add("a");
    expect(handlings).toHaveLength(1);
    await handling(0).finish();
    expect(handlings).toHaveLength(2);
    await handling(1).finish();
    expect(handlings).toHaveLength(2);
  });

  test("interrupts on demand only, and handles again at once", async () => {
    const { queue, handlings, handling, errors } = makeQueue();
    queue.add("a");
    queue.add("a");
    expect(handling(0).signal.aborted).toBe(false);
    queue.add("a", { interrupt: true });
    expect(handling(0).signal.aborted).toBe(true);
    await settled();
    expect(handlings).toHaveLength(2);
    expect(errors).toEqual([]);
    await queue.close();
  });

  test("keeps to its concurrency, in the order of arrival", async () => {
    const { queue, handlings, handling } = makeQueue({ concurrency: 1 });
    for (const key of ["a", "b", "c"]) queue.add(key);
    expect(handlings).toHaveLength(1);
    await handling(0).finish();
    await handling(1).finish();
    expect(handlings.map(({ key }) => key)).toEqual(["a", "b", "c"]);
    await queue.close();
  });

  test("looks again after as long as the handler says", async () => {
    const { clock, queue, handlings, handling } = makeQueue();
    queue.add("a");
    await handling(0).finish(500);
    await clock.pass(499);
    expect(handlings).toHaveLength(1);
    await clock.pass(1);
    expect(handlings).toHaveLength(2);
    await handling(1).finish(null);
    await clock.pass(10_000);
    expect(handlings).toHaveLength(2);
    expect(clock.sleeping).toBe(0);
  });

  test("of several times to look again, the soonest counts, also one set while it was handled", async () => {
    const { clock, queue, handlings, handling } = makeQueue();
    queue.addAfter("a", 100);
    queue.addAfter("a", 50);
    queue.addAfter("a", 1_000);
    await clock.pass(50);
    expect(handlings).toHaveLength(1);
    queue.addAfter("a", 20);
    await handling(0).finish(30_000);
    await clock.pass(20);
    expect(handlings).toHaveLength(2);
    await queue.close();
  });

  test("tries a key that failed again, later and later, and from the start after it succeeded", async () => {
    const { clock, queue, handlings, handling, errors } = makeQueue();
    queue.add("a");
    for (let failure = 0; failure < 6; failure++) {
      await handling(failure).fail(new Error("no"));
      await clock.pass(errors.at(-1)?.retryAfterMs ?? 0);
    }
    const delays = errors.map(({ retryAfterMs }) => retryAfterMs);
    [100, 200, 400, 800, 1_000, 1_000].forEach((ceiling, index) => {
      expect(delays[index]).toBeGreaterThanOrEqual(ceiling / 2);
      expect(delays[index]).toBeLessThanOrEqual(ceiling);
    });
    expect(handlings).toHaveLength(7);
    await handling(6).finish();
    queue.add("a");
    await handling(7).fail(new Error("no"));
    expect(errors.at(-1)?.retryAfterMs).toBeLessThanOrEqual(100);
    await queue.close();
  });

  test("an event comes before the back-off is over", async () => {
    const { queue, clock, handlings, handling } = makeQueue();
    queue.add("a");
    await handling(0).fail(new Error("no"));
    queue.add("a");
    expect(handlings).toHaveLength(2);
    await handling(1).finish();
    await clock.pass(10_000);
    expect(handlings).toHaveLength(2);
  });

  test("closing aborts what runs, waits for it, drops what waits, and takes nothing more", async () => {
    const { queue, clock, handlings, handling, errors } = makeQueue({ concurrency: 1 });
    for (const key of ["a", "b"]) queue.add(key);
    queue.addAfter("c", 10);
    await queue.close();
    expect(handling(0).signal.aborted).toBe(true);
    queue.add("d");
    await clock.pass(10);
    expect(handlings).toHaveLength(1);
    expect(errors).toEqual([]);
  });
});
