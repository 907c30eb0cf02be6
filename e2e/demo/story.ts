// Prints what the person in front of the demo reads: one line a phase, with what happened and when,
// then PASS or FAIL and the total. It wraps to the terminal's width.

import { errorText } from "@harmony/runtime";

/**
 * A moment of the thread: `at` in milliseconds since the epoch, null when that part logged none.
 */
export interface Moment {
  readonly label: string;
  readonly at: number | null;
}

const TITLE_WIDTH = 23;
/** The column of the detail when it stands beside title and time, and when it stands below. */
const BESIDE = 8 + TITLE_WIDTH + 9;
const BELOW = 8;

export class Story {
  readonly #startedAt = performance.now();
  #phase: { title: string; startedAt: number } | null = null;
  readonly #witnesses: { name: string; lastLines: () => Promise<string> }[] = [];

  say(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /** Adds a part whose last lines are shown when a phase fails. */
  witness(name: string, lastLines: () => Promise<string>): void {
    this.#witnesses.push({ name, lastLines });
  }

  /**
   * Runs one phase and prints its line when it is over. The text of `words` stands behind the time,
   * further lines of it below.
   */
  async phase<T>(title: string, act: () => Promise<T>, words: (value: T) => string = String, mark: "ok" | "PASS" = "ok"): Promise<T> {
    this.#phase = { title, startedAt: performance.now() };
    const value = await act();
    this.#line(mark, this.#phase, words(value));
    this.#phase = null;
    return value;
  }

  fail(error: unknown): void {
    this.#line("FAIL", this.#phase ?? { title: "preparing", startedAt: performance.now() }, errorText(error));
    this.#phase = null;
  }

  /** Prints the last lines of every part, to help a person find the one that did not answer. */
  async testify(): Promise<void> {
    for (const { name, lastLines } of this.#witnesses) {
      const text = (await lastLines().catch((error: unknown) => errorText(error))).trim();
      const lines = text === "" ? ["(nothing)"] : text.split("\n").slice(-12);
      this.say(`\n  the last lines of ${name}:\n${lines.map((line) => `    ${line}`).join("\n")}`);
    }
  }

  end(verdict: "PASS" | "FAIL"): void {
    this.say(`\n${verdict}  ${seconds(performance.now() - this.#startedAt).trim()} in all`);
  }

  #line(mark: "ok" | "PASS" | "FAIL", { title, startedAt }: { title: string; startedAt: number }, detail: string): void {
    const head = `  ${mark.padEnd(6)}${title.padEnd(TITLE_WIDTH)}${seconds(performance.now() - startedAt)}`;
    const [first = "", ...others] = detail.split("\n");
    const beside = wrap(first, BESIDE);
    const [lineBeside = "", ...more] =
      beside.length > 2 ? ["", ...wrap(first, BELOW)] : beside.map((line, index) => (index === 0 ? line.trim() : line));
    this.say([`${head}  ${lineBeside}`.trimEnd(), ...more, ...others.flatMap((line) => wrap(line, BELOW))].join("\n"));
  }
}

/** `seen +112 · written +131 · …`: each moment after the first, in milliseconds since it. */
export function trace(moments: readonly Moment[]): string {
  const start = moments[0]?.at ?? 0;
  return moments
    .slice(1)
    .map(({ label, at }) => `${label} ${at === null ? "?" : `+${Math.max(0, Math.round(at - start))}`}`.replaceAll(" ", UNBROKEN))
    .join(`${UNBROKEN}· `)
    .concat(`${UNBROKEN}ms`);
}

/** A space at which no line is broken. */
const UNBROKEN = "\u00a0";

/** The lines of a text, indented, none wider than the terminal unless a word is. */
function wrap(text: string, indent: number): string[] {
  const width = Math.max(80, process.stdout.columns ?? 120);
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && indent + last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => " ".repeat(indent) + line.replaceAll(UNBROKEN, " "));
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(5)} s`;
}
