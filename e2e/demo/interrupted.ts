// Waiting that a person may cut short.

/** What `work` gives, or the signal's reason as soon as it is aborted; the work itself is left to end with the process. */
export async function orInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const interrupted = Promise.withResolvers<never>();
  const interrupt = (): void => interrupted.reject(signal.reason);
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    return await Promise.race([work, interrupted.promise]);
  } finally {
    signal.removeEventListener("abort", interrupt);
    work.catch(() => undefined);
  }
}
