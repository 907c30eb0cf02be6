// Time as a port, so that code that waits can be tested without waiting.

import { setTimeout as wait } from "node:timers/promises";

export interface Clock {
  /** Milliseconds since the epoch; may jump. */
  now(): number;
  /** Milliseconds of a clock that never goes back; for durations. */
  monotonicMs(): number;
  /**
   * Rejects with the signal's reason when aborted. With `unref` it does not keep the process alive
   * by itself.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // Node rejects with an error of its own, whose cause is the reason.
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/**
 * A moment of the monotonic clock as RFC 3339, by the wall clock as it stands now, which may have
 * been set since.
 */
export function wallClock(monotonicMs: number, clock: Pick<Clock, "now" | "monotonicMs"> = systemClock): string {
  return new Date(clock.now() - (clock.monotonicMs() - monotonicMs)).toISOString();
}
