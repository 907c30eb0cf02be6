// When the client itself dials after a connection was lost: once, after a share of two seconds at
// random, because 3,000 devices lose a server in the same millisecond; after that only when it is
// released, by whoever has found out that NATS can be reached again (watched-connection.ts). The
// client's own jitter does not delay its first attempt (measured), and its arithmetic on the wall
// clock makes it wait for hours when the clock is set back, as on a board without a battery; so
// this answers in its terms, by a clock that never goes back.

const FIRST_DELAY_MS = 2_000;
/** A release may be noticed so late. */
const LOOK_EVERY_MS = 250;

export interface ReconnectPacing {
  /**
   * For the client's `reconnectDelayHandler`, which is asked before each attempt, and again after
   * each wait.
   */
  delayMs(): number;
  /** The client may dial that many times more, at once: once for each server that it knows. */
  release(dials: number): void;
  /**
   * Resolves when the client will not dial until it is released: how long its last dial took that
   * nobody has asked about yet; 0: there was none.
   */
  still(): Promise<number>;
  /** The connection is there (again). */
  connected(): void;
}

export function createReconnectPacing(
  lastDialMs: () => number,
  clock: { monotonicMs(): number; now(): number },
  random: () => number = Math.random,
  /** false: there is nothing yet to dial with. */
  isReady: () => boolean = () => true,
): ReconnectPacing {
  let firstDialAtMs: number | null = null;
  let dialsLeft = 1;
  let diallingSinceMs: number | null = null;
  let tookMs = 0;
  let ended = Promise.withResolvers<void>();
  const isStill = (): boolean => diallingSinceMs === null && (dialsLeft === 0 || !isReady());
  const ends = (): void => {
    if (diallingSinceMs !== null) tookMs = clock.monotonicMs() - diallingSinceMs;
    diallingSinceMs = null;
    if (!isStill()) return;
    ended.resolve();
    ended = Promise.withResolvers<void>();
  };
  return {
    delayMs: () => {
      // The client asks before a dial, and so after the one before.
      ends();
      firstDialAtMs ??= clock.monotonicMs() + random() * FIRST_DELAY_MS;
      const remainingMs = Math.max(0, firstDialAtMs - clock.monotonicMs());
      if (dialsLeft > 0 && remainingMs === 0 && isReady()) {
        dialsLeft -= 1;
        diallingSinceMs = clock.monotonicMs();
        // The client dials when `last dial + delay <= now`; whatever the wall clock says, that is
        // now.
        return -Infinity;
      }
      // … and else waits for the smaller of the delay and `last dial + delay - now`.
      return Math.min(remainingMs || LOOK_EVERY_MS, LOOK_EVERY_MS) + Math.max(0, clock.now() - lastDialMs());
    },
    release: (dials) => {
      firstDialAtMs = clock.monotonicMs();
      dialsLeft = dials;
    },
    still: async () => {
      while (!isStill()) await ended.promise;
      const lastTookMs = tookMs;
      tookMs = 0;
      return lastTookMs;
    },
    connected: () => {
      firstDialAtMs = null;
      dialsLeft = 1;
      diallingSinceMs = null;
      tookMs = 0;
    },
  };
}
