// The transitions of this device's deployments, for `iot-agent history`, for whoever asks NATS, and
// for the time since when something is so, kept over restarts and power cuts, each with a number. One JSON line each, appended and flushed when
// it happens and never else; the file is written anew, with what is kept, when it has grown to
// twice that. A last line that a power cut tore is dropped; from a file with other damage what can
// be read is kept.

import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorText, keepAside, type Log, writeFileDurably } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { type DeploymentReport, HistoryEntry } from "@iot/contracts";
import type { Reason } from "../desired/reasons.ts";

export const HISTORY_FILE = "history.jsonl";
export const HISTORY_KEPT = 200;

export interface HistoryRead {
  readonly entries: readonly HistoryEntry[];
  /** Lines that are none, the torn last one aside. */
  readonly damaged: number;
  /** The file does not end in a whole line. */
  readonly torn: boolean;
}

/** `report` null: the deployment is gone. `moment`: when, by the clock that nobody sets. */
export function historyEntry(
  { deployment, report, message }: { readonly deployment: string; readonly report: DeploymentReport | null; readonly message: string },
  moment: Pick<HistoryEntry, "bootId" | "monotonicMs" | "commit" | "trace">,
): HistoryEntry {
  if (report === null)
    return {
      at: new Date().toISOString(),
      deployment,
      phase: null,
      reason: "Removed" satisfies Reason,
      message,
      revision: null,
      ...moment,
    };
  const { since: at, phase, reason, desiredRevision: revision, generation, source } = report;
  return {
    at,
    deployment,
    phase,
    reason,
    message,
    revision,
    ...(generation === undefined ? {} : { generation }),
    ...(source === undefined ? {} : { source }),
    ...moment,
  };
}

/** Pure. */
export function readHistory(text: string): HistoryRead {
  const lines = text.split("\n");
  const torn = lines.pop() !== "";
  const parsed = lines.map((line) => parseJson(HistoryEntry, line));
  const entries = parsed.flatMap((each) => (each.ok ? [each.value] : []));
  return { entries: entries.slice(-HISTORY_KEPT), damaged: parsed.length - entries.length, torn };
}

export class History {
  readonly #path: string;
  readonly #log: Log;
  #entries: HistoryEntry[] = [];
  readonly #unwritten: HistoryEntry[] = [];
  #n = 0;
  #lines = 0;
  #writing: Promise<void> = Promise.resolve();
  #isRefused = false;

  constructor(options: { readonly folder: string; readonly log: Log }) {
    this.#path = join(options.folder, HISTORY_FILE);
    this.#log = options.log;
  }

  /** `least`: numbers up to it are used, also where the file that had them is gone. */
  async load(least = 0): Promise<void> {
    this.#n = least;
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT"))
        this.#log.warn("cannot read the history; going on without it", { file: this.#path, error });
      return;
    }
    const { entries, damaged, torn } = readHistory(text);
    const isNumbered = entries.every(({ n }) => n !== undefined);
    this.#n = Math.max(least, ...entries.map(({ n = 0 }) => n));
    this.#entries = isNumbered ? [...entries] : entries.map((entry) => ({ ...entry, n: this.#next() }));
    this.#lines = text.split("\n").length - 1;
    if (damaged > 0)
      this.#log.warn("a part of the history cannot be read; the rest is kept", { keptAs: await keepAside(this.#path, "corrupt") });
    // The next line would be glued to the torn one.
    if (damaged > 0 || torn || !isNumbered) this.#write(() => this.#rewrite());
  }

  /** Oldest first, when they are on disk, or the disk has refused them. */
  async written(): Promise<readonly HistoryEntry[]> {
    await this.#writing;
    return this.#entries;
  }

  /** What is on disk behind the number `n`, in order. */
  async keptAfter(n: number): Promise<readonly HistoryEntry[]> {
    await this.#writing;
    return this.#entries.filter((entry) => (entry.n ?? 0) > n && !this.#unwritten.includes(entry));
  }

  last(deployment: string): HistoryEntry | undefined {
    return this.#entries.findLast((entry) => entry.deployment === deployment);
  }

  /**
   * The last entry of a deployment once more, as after a restart of the agent, is no transition.
   */
  add(transition: HistoryEntry): void {
    const { phase, reason, revision } = this.last(transition.deployment) ?? {};
    if (phase === transition.phase && reason === transition.reason && revision === transition.revision) return;
    const entry = { ...transition, n: this.#next() };
    this.#entries.push(entry);
    if (this.#entries.length > HISTORY_KEPT) this.#entries.shift();
    this.#unwritten.push(entry);
    this.#write(() => (this.#lines === 0 || this.#lines >= 2 * HISTORY_KEPT ? this.#rewrite() : this.#append()));
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  #next(): number {
    this.#n += 1;
    return this.#n;
  }

  #write(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).then(
      () => {
        this.#isRefused = false;
      },
      (error: unknown) => {
        if (!this.#isRefused) this.#log.warn(`the history cannot be kept on disk: ${errorText(error)}`);
        this.#isRefused = true;
      },
    );
  }

  /** Entries of a write that failed are written with the next. */
  async #append(): Promise<void> {
    const entries = [...this.#unwritten];
    if (entries.length === 0) return;
    const file = await open(this.#path, "a", 0o600);
    try {
      await file.appendFile(textOf(entries));
      await file.datasync();
    } catch (error) {
      // A full disk takes a part of a line, to which the next must not be glued: the file is
      // written anew.
      this.#lines = 0;
      throw error;
    } finally {
      await file.close();
    }
    this.#lines += entries.length;
    this.#unwritten.splice(0, entries.length);
  }

  async #rewrite(): Promise<void> {
    const unwritten = this.#unwritten.length;
    const entries = [...this.#entries];
    await writeFileDurably(this.#path, textOf(entries));
    this.#lines = entries.length;
    this.#unwritten.splice(0, unwritten);
  }
}

function textOf(entries: readonly HistoryEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
}
