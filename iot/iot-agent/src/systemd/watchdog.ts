// Feeds systemd's watchdog for as long as the agent advances: a timer that fires shows that the
// event loop turns, and the queues are asked whether a handling has outlasted every time-out that
// it could have. A wedged one stops the feeding, and systemd starts the agent anew; containers do
// not notice.

import { type Clock, type Log, systemClock } from "@harmony/runtime";

export interface Handling {
  readonly what: string;
  readonly sinceMs: number;
  /** The longest that it may take without a sign of life, its own time-outs and tries included. */
  readonly limitMs: number;
}

/** The handling that no time-out of its own has ended, or null. Pure. */
export function stuck(handlings: readonly Handling[], nowMs: number): Handling | null {
  return handlings.find(({ sinceMs, limitMs }) => nowMs - sinceMs > limitMs) ?? null;
}

export interface WatchdogOptions {
  /** The time that systemd gives; null: there is none to feed. */
  readonly watchdogMs: number | null;
  readonly handlings: () => readonly Handling[];
  readonly feed: () => void;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Feeds until aborted. Never throws. */
export async function keepWatchdogFed(options: WatchdogOptions): Promise<void> {
  const { watchdogMs, handlings, feed, log, signal, clock = systemClock } = options;
  if (watchdogMs === null) return;
  let isReported = false;
  while (!signal.aborted) {
    const wedged = stuck(handlings(), clock.monotonicMs());
    if (wedged === null) feed();
    else if (!isReported) {
      isReported = true;
      const lastedS = Math.round((clock.monotonicMs() - wedged.sinceMs) / 1_000);
      log.error(`${wedged.what} has not got on for ${lastedS} s, which is a fault of the agent; systemd is let start it anew`);
    }
    await clock.sleep(watchdogMs / 3, signal).catch(() => undefined);
  }
}
