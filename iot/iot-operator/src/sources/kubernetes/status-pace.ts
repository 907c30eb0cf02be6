// Which statuses are written to the API server now: it pays for each, so at most 50 a second.
// First what changed a condition, the one that waits longest first; then, with what is left, those
// whose counters alone changed, each at most every 10 s. So 1,000 conditions that change together
// are written within 20 s. Pure but for what it remembers.

export const WRITES_PER_SECOND = 50;
export const COUNTERS_EVERY_MS = 10_000;

/** A status that says something else than what stands. */
export interface News {
  readonly uid: string;
  /** More than counters is another: a condition, the generation, the Score or the words. */
  readonly isCondition: boolean;
}

export class StatusPace {
  /** When each was first seen to wait. */
  readonly #waiting = new Map<string, number>();
  readonly #writtenMs = new Map<string, number>();
  #left = WRITES_PER_SECOND;
  #atMs = 0;

  /** What is to be written now of all that waits, in order. */
  choose(news: readonly News[], nowMs: number): readonly string[] {
    const uids = new Set(news.map(({ uid }) => uid));
    for (const uid of this.#waiting.keys()) if (!uids.has(uid)) this.#waiting.delete(uid);
    for (const uid of uids) if (!this.#waiting.has(uid)) this.#waiting.set(uid, nowMs);
    const refill = ((nowMs - this.#atMs) / 1_000) * WRITES_PER_SECOND;
    this.#left = Math.min(WRITES_PER_SECOND, this.#left + Math.max(0, refill));
    this.#atMs = nowMs;
    const sinceMs = (uid: string): number => this.#waiting.get(uid) ?? nowMs;
    const chosen = news
      .filter(({ uid, isCondition }) => isCondition || nowMs - (this.#writtenMs.get(uid) ?? -Infinity) >= COUNTERS_EVERY_MS)
      .toSorted((a, b) => Number(b.isCondition) - Number(a.isCondition) || sinceMs(a.uid) - sinceMs(b.uid))
      .slice(0, Math.floor(this.#left))
      .map(({ uid }) => uid);
    this.#left -= chosen.length;
    for (const uid of chosen) {
      this.#writtenMs.set(uid, nowMs);
      // One that is refused again and again stands at the end.
      this.#waiting.set(uid, nowMs);
    }
    return chosen;
  }

  keepOnly(uids: { has(uid: string): boolean }): void {
    for (const uid of this.#writtenMs.keys()) if (!uids.has(uid)) this.#writtenMs.delete(uid);
  }
}
