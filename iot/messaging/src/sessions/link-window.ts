// How many bytes may be on the link without a word of their arrival. The window follows the link:
// it grows while what waits on it adds little to the least delay that was seen, and shrinks when it
// adds so much that a status would wait behind it. A fixed one either leaves a fast link empty or
// breaks the connection of a slow one. Pure: times come in.

export const LEAST_WINDOW_BYTES = 8 * 1024;
const FIRST_WINDOW_BYTES = 16 * 1024;
export const MOST_WINDOW_BYTES = 256 * 1024;
const GROW = 1.5;
const SHRINK = 0.7;
/** What our own queue may add to the least delay. */
const ADDS_LITTLE_MS = 250;
const ADDS_MUCH_MS = 500;
/** Between two changes, at least: the effect of one has to be seen before the next. */
const CHANGE_EVERY_MS = 20;
/** A link that has become slower has another least delay after two of these. */
const EPOCH_MS = 5 * 60_000;

export class LinkWindow {
  #bytes = FIRST_WINDOW_BYTES;
  #leastMs = Infinity;
  #leastBeforeMs = Infinity;
  #epochSinceMs = -Infinity;
  #changedAtMs = -Infinity;

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * `delayMs`: from the sending of a frame to the word that it was consumed. `isLimit`: more would
   * have been sent since the last word; a window that limits nothing says nothing of the link.
   */
  acknowledged({ delayMs, nowMs, isLimit }: { readonly delayMs: number; readonly nowMs: number; readonly isLimit: boolean }): void {
    if (nowMs - this.#epochSinceMs > EPOCH_MS) {
      this.#leastBeforeMs = this.#leastMs;
      this.#leastMs = Infinity;
      this.#epochSinceMs = nowMs;
    }
    this.#leastMs = Math.min(this.#leastMs, delayMs);
    const leastMs = Math.min(this.#leastMs, this.#leastBeforeMs);
    if (!isLimit || nowMs - this.#changedAtMs < Math.max(CHANGE_EVERY_MS, leastMs)) return;
    const addsMs = delayMs - leastMs;
    const factor = addsMs < ADDS_LITTLE_MS ? GROW : addsMs > ADDS_MUCH_MS ? SHRINK : 1;
    if (factor === 1) return;
    this.#changedAtMs = nowMs;
    this.#bytes = Math.min(MOST_WINDOW_BYTES, Math.max(LEAST_WINDOW_BYTES, Math.floor(this.#bytes * factor)));
  }
}
