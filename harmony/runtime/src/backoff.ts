// Exponential back-off with full jitter in its upper half, so that a fleet that fails together does
// not come back together.

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** In [0, 1); Math.random by default. */
  readonly random?: () => number;
}

/**
 * The delay before try number `attempt`, the first being 1: between half and all of min(maxMs,
 * baseMs · 2^(attempt-1)).
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const { baseMs, maxMs, random = Math.random } = options;
  const ceilingMs = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceilingMs * (0.5 + random() / 2));
}
