// When a device's object may be written: at most 50 writes a second in all. Half of them are for
// transitions, so that what people wait for never stands behind objects that are made, or behind
// times that a device was seen. A write that waits keeps its turn. Pure but for what it remembers.

export const WRITES_PER_SECOND = 50;
const LANES = 2;
const EVERY_MS = (1_000 * LANES) / WRITES_PER_SECOND;

type Lane = "transition" | "routine";

export class WritePace<Key> {
  readonly #turns = new Map<Key, { readonly lane: Lane; readonly atMs: number }>();
  readonly #nextMs: Record<Lane, number> = { transition: 0, routine: 0 };

  /** How long this write has to wait; 0: it is its turn, which is taken by that. */
  waitMs(key: Key, lane: Lane, nowMs: number): number {
    const turn = this.#turns.get(key);
    const atMs = turn?.lane === lane ? turn.atMs : this.#take(lane, nowMs);
    if (atMs > nowMs) {
      this.#turns.set(key, { lane, atMs });
      return atMs - nowMs;
    }
    this.#turns.delete(key);
    return 0;
  }

  /** There is nothing to write any more. */
  drop(key: Key): void {
    this.#turns.delete(key);
  }

  #take(lane: Lane, nowMs: number): number {
    const atMs = Math.max(nowMs, this.#nextMs[lane]);
    this.#nextMs[lane] = atMs + EVERY_MS;
    return atMs;
  }
}
