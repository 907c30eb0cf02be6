// When to dial again after a connection was lost: spread over the fleet from the first attempt on, because 3,000 devices lose a server in
// the same millisecond. The client's own jitter does not delay its first attempt (measured), and its arithmetic on the wall clock makes
// it wait for hours when the clock is set back, as on a board without a battery; so this answers in its terms, by a clock that never
// goes back.

/** The first attempt after up to this, the later ones after up to MAX_DELAY_MS, each time a share at random. */
const FIRST_DELAY_MS = 2_000;
const MAX_DELAY_MS = 10_000;

export interface ReconnectPacing {
  /** For the client's `reconnectDelayHandler`, which is asked before each attempt, and again after each wait. */
  delayMs(): number;
  /** The connection is there (again). */
  connected(): void;
}

export function createReconnectPacing(
  lastDialMs: () => number,
  clock: { monotonicMs(): number; now(): number },
  random: () => number = Math.random,
): ReconnectPacing {
  let attempt = 0;
  let dialAtMs: number | null = null;
  return {
    delayMs: () => {
      if (dialAtMs === null) {
        dialAtMs = clock.monotonicMs() + random() * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10));
        attempt += 1;
      }
      const remainingMs = dialAtMs - clock.monotonicMs();
      if (remainingMs <= 0) {
        dialAtMs = null;
        // The client dials when `last dial + delay <= now`; whatever the wall clock says, that is now.
        return -Infinity;
      }
      // … and else waits for the smaller of the delay and `last dial + delay - now`.
      return remainingMs + Math.max(0, clock.now() - lastDialMs());
    },
    connected: () => {
      attempt = 0;
      dialAtMs = null;
    },
  };
}
