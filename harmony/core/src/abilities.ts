// What some variants can do with a workload beside making it so, and others cannot: give what it
// wrote, run a command in it. Each is an interface of its own; a variant that has it implements it
// beside ResidentInterpret. Who asks knows nothing of containers.

export interface LogQuery {
  /** The workload. */
  readonly name: string;
  /** A part of it; null: all of its. */
  readonly service: string | null;
  /** Goes on with what is written from then on, also when the workload starts again. */
  readonly follow: boolean;
  /** At most so many of the last lines; null: all. */
  readonly tail: number | null;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  /** A regular expression that a line has to match. */
  readonly grep: string | null;
  /** What was written before the last start. */
  readonly previous: boolean;
  /** Of a line that was given before: begins with the next one, whatever `tail` and `sinceMs` say. */
  readonly cursor: string | null;
}

export interface WrittenLine {
  /** Microseconds since the epoch. */
  readonly atMicros: number;
  readonly stream: "out" | "err";
  readonly text: string;
  /** Null: it has one alone. */
  readonly service: string | null;
  /** Opaque; where to go on after this line. */
  readonly cursor: string;
}

/** What was found at once. A notice says what a person should know of the log itself. */
export type LogBatch =
  | { readonly kind: "lines"; readonly lines: readonly WrittenLine[] }
  | { readonly kind: "notice"; readonly notice: Readonly<Record<string, string | number | boolean>> };

export interface Logs {
  /**
   * Ends when all is given; with `follow` when aborted. What is not taken is not read either. @throws
   * Unable
   */
  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogBatch>;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface CommandToRun {
  readonly name: string;
  /** Null: the workload's only one. */
  readonly service: string | null;
  readonly command: readonly string[];
  /** Null: without a terminal. */
  readonly terminal: { readonly type: string; readonly size: Size } | null;
  /** false: it finds its input at an end. */
  readonly hasInput: boolean;
}

export interface RunningCommand {
  /** Ends when the command has; `err` never comes from a terminal. */
  readonly output: AsyncIterable<{ readonly stream: "out" | "err"; readonly data: Uint8Array }>;
  /** Resolves when more may come. */
  write(data: Uint8Array): Promise<void>;
  endOfInput(): void;
  resize(size: Size): Promise<void>;
  /** After the output has ended. */
  exitCode(): Promise<number>;
  /** Lets go of it. A command that runs still gets SIGHUP, as by a terminal that is closed. */
  leave(): void;
}

export interface Commands {
  /** @throws Unable */
  run(command: CommandToRun, signal: AbortSignal): Promise<RunningCommand>;
}

export const UNABLE_REASONS = [
  "NoSuchDeployment",
  "NoSuchService",
  "ChooseService",
  "NoContainer",
  "ContainerGone",
  "NoLogs",
  "NoCommands",
  "NoJournal",
  "NoDoctor",
  "JournalUnreadable",
  "NoPattern",
  "NoPrevious",
  "NoSuchProgram",
  "NotExecutable",
  "CannotRun",
  "NotWaiting",
  "Idle",
  "TooLong",
  "WrongRequest",
] as const;
export type UnableReason = (typeof UNABLE_REASONS)[number];

/** Why what was asked for cannot be done: a word for programs, and one sentence. */
export class Unable extends Error {
  readonly reason: UnableReason;
  /** For a command that was to run: its exit code. */
  readonly exitCode: number | undefined;
  constructor(reason: UnableReason, message: string, options: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options);
    this.reason = reason;
    this.exitCode = options.exitCode;
  }
}
