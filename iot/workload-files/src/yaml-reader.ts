// Reads YAML in a thread of its own, which is ended when a file holds it up or takes too much
// memory, and is started anew: whatever a file is made of, who asks waits and goes on with other
// work. A file that was not read in its time is reported as one that cannot be read, by a sentence
// with its name; it is never one that gives nothing. The thread stays warm between readings, and
// does not keep the process alive.

import { Worker } from "node:worker_threads";
import type { FileIssue, WorkloadFile } from "./read-workload-files.ts";
import type { CloseFile } from "./read-closely.ts";
import type { PlainFile } from "./read-plainly.ts";
import type { YamlValue } from "./yaml-value.ts";

export interface YamlReaderLimits {
  /** For one file. */
  readonly fileMs: number;
  /** For all files of one reading. */
  readonly totalMs: number;
  readonly heapMiB: number;
}

/** What accepted files take on an idle machine is far below these: docs/limits.md. */
export const YAML_READER_LIMITS: YamlReaderLimits = { fileMs: 10_000, totalMs: 300_000, heapMiB: 256 };
const START_MS = 30_000;
/** So much goes to the thread at once: to copy it takes this thread a millisecond or two. */
const BATCH_BYTES = 1024 * 1024;

export type Asked = WorkloadFile & { readonly as: "workload" | "close" | "value" };
export type Answer =
  | { readonly isReady: true }
  | { readonly file: PlainFile }
  | { readonly close: CloseFile }
  | { readonly value: YamlValue };
type Outcome = Answer | { readonly refused: string };

export class YamlReader {
  readonly #limits: YamlReaderLimits;
  #thread: Thread | null;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(limits: YamlReaderLimits = YAML_READER_LIMITS) {
    this.#limits = limits;
    this.#thread = new Thread(limits);
  }

  /** By path. Rejects with the signal's reason, or where no thread can be had. */
  async readFiles(files: readonly WorkloadFile[], signal?: AbortSignal): Promise<ReadonlyMap<string, PlainFile>> {
    const outcomes = await this.#inTurn(() =>
      this.#read(
        files.map((file) => ({ ...file, as: "workload" })),
        signal,
      ),
    );
    return new Map(files.map(({ path }, index): [string, PlainFile] => [path, plainFileOf(path, outcomes[index])]));
  }

  /** The same, with all that `iot lint` looks at. */
  async readClosely(files: readonly WorkloadFile[], signal?: AbortSignal): Promise<ReadonlyMap<string, CloseFile>> {
    const outcomes = await this.#inTurn(() =>
      this.#read(
        files.map((file) => ({ ...file, as: "close" })),
        signal,
      ),
    );
    return new Map(files.map(({ path }, index): [string, CloseFile] => [path, closeFileOf(path, outcomes[index])]));
  }

  async readValue(file: WorkloadFile, signal?: AbortSignal): Promise<YamlValue> {
    const [outcome] = await this.#inTurn(() => this.#read([{ ...file, as: "value" }], signal));
    if (outcome !== undefined && "value" in outcome) return outcome.value;
    return { ok: false, problem: `${file.path} ${whyRefused(outcome)}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#thread?.end();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(work);
    this.#turn = next.catch(() => undefined);
    return next;
  }

  async #read(asked: readonly Asked[], signal?: AbortSignal): Promise<Outcome[]> {
    const { fileMs, totalMs } = this.#limits;
    const outcomes: Outcome[] = [];
    let spentMs = 0;
    while (outcomes.length < asked.length) {
      if (this.#isClosed) throw new Error("the reader of YAML is closed");
      signal?.throwIfAborted();
      if (spentMs >= totalMs) {
        outcomes.push({
          refused: `is not read: the files before it took all of the ${seconds(totalMs)} for one reading; make them smaller`,
        });
        continue;
      }
      this.#thread ??= new Thread(this.#limits);
      const { answers, end, readMs } = await this.#thread.ask(batchOf(asked, outcomes.length), {
        fileMs,
        leftMs: totalMs - spentMs,
        ...(signal === undefined ? {} : { signal }),
      });
      spentMs += readMs;
      outcomes.push(...answers);
      if (end === null) continue;
      await this.#thread.end();
      this.#thread = this.#isClosed ? null : new Thread(this.#limits);
      signal?.throwIfAborted();
      outcomes.push({ refused: end });
    }
    return outcomes;
  }
}

function plainFileOf(file: string, outcome: Outcome | undefined): PlainFile {
  if (outcome !== undefined && "file" in outcome) return outcome.file;
  return { deployments: [], devices: [], issues: [unread(file, outcome)], others: [], isUnfinished: true };
}

function closeFileOf(file: string, outcome: Outcome | undefined): CloseFile {
  if (outcome !== undefined && "close" in outcome) return outcome.close;
  return { documents: [], issues: [unread(file, outcome)], ignored: [], isUnfinished: true };
}

function unread(file: string, outcome: Outcome | undefined): FileIssue {
  return { file, line: 1, column: 1, path: "", message: whyRefused(outcome) };
}

function whyRefused(outcome: Outcome | undefined): string {
  return outcome !== undefined && "refused" in outcome ? outcome.refused : "is not read: its reading gave no answer";
}

function batchOf(asked: readonly Asked[], from: number): readonly Asked[] {
  let bytes = 0;
  let to = from;
  while (to < asked.length && (to === from || bytes + (asked[to]?.content.byteLength ?? 0) <= BATCH_BYTES)) {
    bytes += asked[to]?.content.byteLength ?? 0;
    to += 1;
  }
  return asked.slice(from, to);
}

interface Heard {
  /** In the order of what was asked. */
  readonly answers: readonly Answer[];
  /** Why the next one has no answer, and the thread must end; null: all have. */
  readonly end: string | null;
  readonly readMs: number;
}

/** The thread's own script, in a bundle that has it inside. */
declare const BUILT_YAML_WORKER: string | undefined;

/** Beside the source, and beside the bundle of the operator's image. */
function besideThisFile(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./yaml-worker.ts" : "./yaml-worker.mjs", import.meta.url);
}

/** One worker: from its start to the first file that it cannot bear. */
class Thread {
  readonly #worker: Worker;
  readonly #heapMiB: number;
  readonly #ready: Promise<void>;
  #hear: (answer: Answer) => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  #failed: Error | null = null;

  constructor({ heapMiB }: YamlReaderLimits) {
    this.#heapMiB = heapMiB;
    this.#worker = new Worker(typeof BUILT_YAML_WORKER === "string" ? BUILT_YAML_WORKER : besideThisFile(), {
      eval: typeof BUILT_YAML_WORKER === "string",
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 },
    });
    this.#worker.unref();
    this.#ready = new Promise((resolve, reject) => {
      this.#worker.on("message", (answer: Answer) => ("isReady" in answer ? resolve() : this.#hear(answer)));
      const fail = (error: Error): void => {
        this.#failed ??= error;
        reject(error);
        this.#fail(this.#failed);
      };
      this.#worker.on("error", fail);
      this.#worker.on("exit", (code) => fail(new Error(`the thread that reads YAML ended with code ${code}`)));
    });
    // Asked for at the first reading.
    this.#ready.catch(() => undefined);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  async ask(asked: readonly Asked[], limits: { fileMs: number; leftMs: number; signal?: AbortSignal }): Promise<Heard> {
    this.#worker.ref();
    try {
      await this.#started();
      return await this.#answers(asked, limits);
    } finally {
      this.#worker.unref();
      this.#hear = () => undefined;
      this.#fail = () => undefined;
    }
  }

  async #started(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the thread that reads YAML did not start within ${seconds(START_MS)}`)), START_MS);
    });
    await Promise.race([this.#ready, late]).finally(() => clearTimeout(timer));
  }

  #answers(asked: readonly Asked[], { fileMs, leftMs, signal }: { fileMs: number; leftMs: number; signal?: AbortSignal }): Promise<Heard> {
    const answers: Answer[] = [];
    const startedAt = performance.now();
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const done = (end: string | null, atLeastMs = 0): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        resolve({ answers, end, readMs: Math.max(atLeastMs, performance.now() - startedAt) });
      };
      const onAbort = (): void => done("is not read: the reading was ended");
      const wait = (): void => {
        const left = leftMs - (performance.now() - startedAt);
        // A timer may fire a little early: all that was given counts as spent then.
        const [ms, why, spentMs] =
          fileMs <= left
            ? [fileMs, `is not read: it took longer than ${seconds(fileMs)}; make it smaller or plainer`, 0]
            : [Math.max(0, left), "is not read: with it the files took longer than is given to one reading; make them smaller", leftMs];
        clearTimeout(timer);
        timer = setTimeout(() => done(why, spentMs), ms);
      };
      this.#hear = (answer) => {
        answers.push(answer);
        if (answers.length === asked.length) done(null);
        else wait();
      };
      this.#fail = (error) => done(this.#why(error));
      if (this.#failed !== null) return done(this.#why(this.#failed));
      signal?.addEventListener("abort", onAbort, { once: true });
      wait();
      // A copy: the content may be a part of a far larger buffer, which would be copied whole.
      const copies = asked.map((file) => ({ ...file, content: new Uint8Array(file.content) }));
      this.#worker.postMessage(
        copies,
        copies.map(({ content }) => content.buffer),
      );
    });
  }

  #why(error: Error): string {
    const isMemory = "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
    if (isMemory) return `is not read: it took more than ${this.#heapMiB} MiB of memory; make it smaller or plainer`;
    return `is not read: its reading failed (${error.message})`;
  }
}

function seconds(ms: number): string {
  return `${ms / 1_000} s`;
}
