// The lines of a log as they come in frames: JSON, one document a line. They are given up to the
// last one that has a cursor, so that what was given is never given again when the log is taken up
// after it. Pure.

import { parseJson } from "@harmony/schema";
import { LogLine } from "@iot/contracts";

/** No device of ours sends a longer one. */
const LINE_BYTES = 256 * 1024;

export class LogLines {
  #rest = "";
  #waiting: LogLine[] = [];
  #cursor: string | undefined;
  readonly #decoder = new TextDecoder();

  /** The cursor of the last line that was given. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  take(data: Uint8Array): readonly LogLine[] {
    const texts = `${this.#rest}${this.#decoder.decode(data, { stream: true })}`.split("\n");
    this.#rest = (texts.pop() ?? "").slice(0, LINE_BYTES);
    for (const text of texts) {
      const line = parseJson(LogLine, text, { values: 50, depth: 3 });
      if (line.ok) this.#waiting.push(line.value);
    }
    const last = this.#waiting.findLastIndex(({ c }) => c !== undefined);
    if (last === -1) return [];
    this.#cursor = this.#waiting[last]?.c;
    const given = this.#waiting.slice(0, last + 1);
    this.#waiting = this.#waiting.slice(last + 1);
    return given;
  }

  /** The rest is sent again, by whoever is asked next. */
  interrupted(): void {
    this.#rest = "";
    this.#waiting = [];
    this.#decoder.decode();
  }
}
