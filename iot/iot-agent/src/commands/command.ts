// What a command is: a name, how it is called, what it does. Each parses its own arguments; what it
// prints goes through `at.write`, so that it can be run without a process of its own.

import { visibleJson } from "@harmony/core";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { errorText, UserError } from "@harmony/runtime";
import type { AgentClient } from "./agent/agent-client.ts";
import { EXIT } from "./agent/exit-codes.ts";

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  /** To stderr. */
  readonly warn: (text: string) => void;
  /** Gives the line that a person types. Null: there is no terminal. */
  readonly ask: ((question: string) => Promise<string>) | null;
  /** Columns of the terminal. */
  readonly width: number;
  readonly configFile: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly agent: AgentClient;
  readonly signal: AbortSignal;
}

export interface Command {
  /** `hold <deployment> --for 2h`; begins with its name. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  /** What else there is to know, for `--help`. */
  readonly details?: string;
  /**
   * A command of root's: it opens something as root, and calls `becomeAgentUser` itself before all
   * else. Any other is the agent's user from the start.
   */
  readonly beginsAsRoot?: true;
  /** Resolves with the exit code. @throws UserError with the sentence to print. */
  run(args: readonly string[], at: Surroundings): Promise<number>;
}

/** @throws UserError */
export function parseCommandLine<Options extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  { usage, options, positionals = [0, 0] }: { usage: string; options: Options; positionals?: readonly [least: number, most: number] },
) {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UserError(`${errorText(error)}; usage: iot-agent ${usage}`, EXIT.usage);
  }
  const [least, most] = positionals;
  const count = parsed.positionals.length;
  if (count >= least && count <= most) return parsed;
  const what = count < least ? "something is missing" : `"${parsed.positionals[most]}" is too much`;
  throw new UserError(`${what}; usage: iot-agent ${usage}`, EXIT.usage);
}

export const JSON_OPTION = { json: { type: "boolean" } } as const;

export function asJson(value: unknown): string {
  return visibleJson(value, 2);
}
