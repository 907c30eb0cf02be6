// What the person in front of the demo reads: one line a phase, with what happened and when, then PASS or FAIL and the total.

/** A moment of the thread: `at` in milliseconds since the epoch, null when that part did not tell. */
export interface Moment {
  readonly label: string;
  readonly at: number | null;
}

const WIDTH = 30;

export class Story {
  readonly #startedAt = performance.now();
  #phase: { title: string; startedAt: number } | null = null;
  readonly #witnesses: { name: string; lastLines: () => Promise<string> }[] = [];

  say(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /** A part whose last lines are shown when a phase fails. */
  witness(name: string, lastLines: () => Promise<string>): void {
    this.#witnesses.push({ name, lastLines });
  }

  /** Runs one phase and prints its line when it is over; what `act` returns stands behind the time. */
  async phase(title: string, act: () => Promise<string>): Promise<void> {
    this.#phase = { title, startedAt: performance.now() };
    const detail = await act();
    this.say(`  ok    ${title.padEnd(WIDTH)} ${seconds(performance.now() - this.#phase.startedAt)}  ${detail}`);
    this.#phase = null;
  }

  fail(error: unknown): void {
    const title = this.#phase?.title ?? "preparing";
    const sinceMs = this.#phase === null ? 0 : performance.now() - this.#phase.startedAt;
    this.say(`  FAIL  ${title.padEnd(WIDTH)} ${seconds(sinceMs)}  ${messages(error)}`);
  }

  /** The last lines of every part, for whoever looks for the one that did not answer. */
  async testify(): Promise<void> {
    for (const { name, lastLines } of this.#witnesses) {
      const lines = await lastLines().catch((error: unknown) => messages(error));
      this.say(
        `\n  the last lines of ${name}:\n${lines
          .split("\n")
          .slice(-12)
          .map((line) => `    ${line}`)
          .join("\n")}`,
      );
    }
  }

  end(verdict: "PASS" | "FAIL"): void {
    this.say(`\n${verdict}  ${seconds(performance.now() - this.#startedAt).trim()} in all`);
  }
}

/** `seen +112 · written +131 · …`: each moment after the first, in milliseconds since the first. */
export function trace(moments: readonly Moment[]): string {
  const start = moments[0]?.at ?? 0;
  return moments
    .slice(1)
    .map(({ label, at }) => `${label} ${at === null ? "?" : `+${Math.max(0, Math.round(at - start))}`}`)
    .join(" · ")
    .concat(" ms");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(5)} s`;
}

export function messages(error: unknown): string {
  const chain: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) chain.push(at.message);
  return chain.length === 0 ? String(error) : chain.join(": ");
}
