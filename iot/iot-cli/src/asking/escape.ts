// `~.` after Enter leaves a command that has the terminal, as ssh does it; `~~` sends one `~`.
// Pure.

const TILDE = 0x7e;
const DOT = 0x2e;
const ENDS_OF_LINE = new Set([0x0a, 0x0d]);

export class Escape {
  #isLineStart = true;
  #isTilde = false;

  /** What of the typed bytes goes to the device, and whether the person leaves. */
  take(typed: Uint8Array): { readonly data: Uint8Array; readonly isLeaving: boolean } {
    const data: number[] = [];
    for (const byte of typed) {
      if (this.#isTilde) {
        this.#isTilde = false;
        if (byte === DOT) return { data: Uint8Array.from(data), isLeaving: true };
        data.push(TILDE);
        if (byte === TILDE) {
          this.#isLineStart = false;
          continue;
        }
      } else if (byte === TILDE && this.#isLineStart) {
        this.#isTilde = true;
        continue;
      }
      data.push(byte);
      this.#isLineStart = ENDS_OF_LINE.has(byte);
    }
    return { data: Uint8Array.from(data), isLeaving: false };
  }
}
