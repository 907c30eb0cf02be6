// `iot`: finds the command that was typed, and answers what is asked of the program itself: help,
// version, a name that there is not. What a command finds and how it reads is in the files beside
// this one, all of them free of process, console and exit.

import { UserError } from "@harmony/runtime";
import { nearName } from "@harmony/schema";
import type { Command, Surroundings } from "./command-line/command.ts";
import { bashCompletion, type Described } from "./command-line/completion.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT } from "./command-line/exit-codes.ts";
import { helpOf, helpOfAll, usageOf } from "./command-line/help.ts";
import { manualPage } from "./command-line/manual.ts";
import { IOT_VERSION } from "./version.ts";

/** Resolves with the exit code. @throws UserError with the sentence to print. */
export async function runIot(argv: readonly string[], at: Surroundings): Promise<number> {
  const isHelp = (word: string | undefined): boolean => word === "--help" || word === "-h" || word === "help";
  const words = isHelp(argv[0]) ? [...argv.slice(1), "--help"] : argv;
  const [first, second] = words;
  if (first === undefined) throw new UserError("say which command: iot --help names them", EXIT.usage);
  if (isHelp(first)) at.write(helpOfAll(COMMANDS));
  else if (first === "--version" || first === "-V") at.write(`iot ${IOT_VERSION}\n`);
  else if (first === "--completion") at.write(bashCompletion(await describeCommands()));
  else if (first === "--manual") at.write(manualPage(await describeCommands()));
  else {
    const command = commandNamed(first, second) ?? unknown(first, second);
    const args = words.slice(command.name.split(" ").length);
    const loaded = await command.load();
    if (!asksForHelp(args)) return runNamed(command, () => loaded.run(args, at));
    at.write(helpOf(command, loaded));
  }
  return 0;
}

async function describeCommands(): Promise<Described> {
  return Promise.all(COMMANDS.map(async (command) => [command, await command.load()] as const));
}

/** A word after `--` is the command's own. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? undefined : end).some((word) => word === "--help" || word === "-h");
}

async function runNamed(command: Command, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof UserError) || error.exitCode !== EXIT.usage) throw error;
    throw new UserError(`${error.message}; usage: ${usageOf(command)} (iot ${command.name} --help)`, EXIT.usage, { cause: error });
  }
}

function commandNamed(first: string, second: string | undefined): Command | undefined {
  return COMMANDS.find(({ name }) => name === `${first} ${second ?? ""}`) ?? COMMANDS.find(({ name }) => name === first);
}

function unknown(first: string, second: string | undefined): never {
  if (first.startsWith("-")) throw new UserError(`there is no option "${first}" before a command (iot --help shows how)`, EXIT.usage);
  const below = COMMANDS.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
  if (below.length > 0) {
    const what = second === undefined ? `"${first}" needs a second word` : `there is no command "${first} ${second}"`;
    throw new UserError(`${what}: ${below.map((name) => `iot ${name}`).join(", ")}`, EXIT.usage);
  }
  const near = nearName(
    first,
    COMMANDS.map(({ name }) => name),
  );
  const hint = near === null ? "" : ` Did you mean ${near}?`;
  throw new UserError(`there is no command "${first}".${hint} (iot --help shows how)`, EXIT.usage);
}
