// Makes waiting for work that knows no AbortSignal possible to give up.

/**
 * Gives the result of `work`, or the signal's reason as soon as it is aborted. The work itself goes
 * on, and its result is dropped.
 */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // The loser of the race may still reject, with nobody left to handle it.
  work.catch(() => undefined);
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
