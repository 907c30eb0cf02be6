// What a command of `iot` is: a line in the table of commands.ts, and a file of its own that says
// its options and does it. The file is loaded when the command is typed, so that help costs nothing
// of what the others need.

import { parseArgs } from "node:util";
import { errorText, UserError } from "@harmony/runtime";
import { EXIT } from "./exit-codes.ts";

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  /** What is not the result: stderr. */
  readonly warn: (text: string) => void;
  /** Whether a person reads stdout. */
  readonly isTerminal: boolean;
  /** Columns of the terminal. */
  readonly width: number;
  readonly signal: AbortSignal;
}

export interface Command {
  /** One word, or two: `device forget`. */
  readonly name: string;
  /** What follows the name: `<deployment> [device]`. Empty: options alone. */
  readonly operands: string;
  /** One line, without a full stop. */
  readonly summary: string;
  readonly load: () => Promise<LoadedCommand>;
}

export interface Option {
  readonly type: "boolean" | "string";
  /** It may be given again; the value is a list. */
  readonly multiple?: boolean;
  /** One letter. */
  readonly short?: string;
  /** Stands for its value in the help: `url`. */
  readonly value?: string;
  readonly about: string;
}

export type Options = Readonly<Record<string, Option>>;
type Parsed<Known extends Options> = ReturnType<typeof parseArgs<{ options: Known; allowPositionals: true }>>;

export interface LoadedCommand {
  readonly options: Options;
  /** What else there is to know, for `--help`. */
  readonly details?: string;
  /** Resolves with the exit code. @throws UserError with the sentence to print. */
  readonly run: (args: readonly string[], at: Surroundings) => Promise<number>;
}

/** `operands`: at least, and at most. */
export function defineCommand<const Known extends Options>(command: {
  readonly options: Known;
  readonly operands?: readonly [least: number, most: number];
  readonly details?: string;
  readonly run: (values: Parsed<Known>["values"], operands: readonly string[], at: Surroundings) => Promise<number>;
}): LoadedCommand {
  const { options, operands: [least, most] = [0, 0], run } = command;
  return {
    ...command,
    run: async (args, at) => {
      const { values, positionals } = parse(args, options);
      if (positionals.length < least) throw new UserError("something is missing", EXIT.usage);
      const [tooMuch] = positionals.slice(most);
      if (tooMuch !== undefined) throw new UserError(`"${tooMuch}" is too much`, EXIT.usage);
      return run(values, positionals, at);
    },
  };
}

function parse<const Known extends Options>(args: readonly string[], options: Known): Parsed<Known> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    throw new UserError(errorText(cause).replace(/\. .*$/s, ""), EXIT.usage, { cause });
  }
}
