// Keeps the buckets free of marks of names that are gone: names that are made anew each time, as
// those of previews, would fill a bucket for ever. A mark stays for a day, for whoever follows the
// bucket and is late.

import { type Clock, type Log, systemClock } from "@harmony/runtime";

export interface HasMarkers {
  purgeMarkers(olderThanMs: number, signal: AbortSignal): Promise<number>;
}

const KEPT_MS = 24 * 3_600_000;
const EVERY_MS = 3_600_000;

/** Resolves when the signal is aborted. What fails is tried again an hour later. */
export async function purgeOldMarkers(
  stores: readonly HasMarkers[],
  { log, signal, clock = systemClock }: { readonly log: Log; readonly signal: AbortSignal; readonly clock?: Clock },
): Promise<void> {
  while (!signal.aborted) {
    for (const store of stores) {
      try {
        const purged = await store.purgeMarkers(KEPT_MS, signal);
        if (purged > 0) log.info("purged the marks of names that are gone", { purged });
      } catch (error) {
        if (!signal.aborted) log.warn("failed to purge the marks of names that are gone", { error });
      }
    }
    await clock.sleep(EVERY_MS, signal).catch(() => undefined);
  }
}
