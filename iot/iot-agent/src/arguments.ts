// The command line, as far as it says which of the two the process is: the agent, or a command of a
// person. Each command parses what stands after its name.

import { DEFAULT_CONFIG_FILE } from "./config/default-paths.ts";

export interface Arguments {
  readonly config: string;
  /**
   * A command's name and its arguments; what is wrong or only asks for help is one, too. Null: be
   * the agent.
   */
  readonly command: readonly string[] | null;
}

/**
 * `isTerminal`: a person who types the bare name wants to know what it is. A service manager has no
 * terminal.
 */
export function readArguments(argv: readonly string[], { isTerminal }: { readonly isTerminal: boolean }): Arguments {
  const [first, second, ...rest] = argv;
  if (first === undefined) return { config: DEFAULT_CONFIG_FILE, command: isTerminal ? ["--help"] : null };
  if (first.startsWith("--config=")) return withConfig(first.slice("--config=".length), argv.slice(1));
  if (first === "--config" && second !== undefined) return withConfig(second, rest);
  return { config: DEFAULT_CONFIG_FILE, command: argv };
}

function withConfig(config: string, rest: readonly string[]): Arguments {
  return { config, command: rest.length === 0 ? null : rest };
}
