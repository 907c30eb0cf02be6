// The commands of a person, by name, and what ends the process: the exit code, and one sentence on
// stderr when something is not as asked.

import { createInterface } from "node:readline/promises";
import { visibleLines } from "@harmony/core";
import { errorText, UserError } from "@harmony/runtime";
import { readConfig } from "../config/config.ts";
import { DEFAULT_RUN_DIR, DEFAULT_STATE_DIR } from "../config/default-paths.ts";
import { AGENT_VERSION } from "../config/version.ts";
import { AgentNotPermitted, AgentNotRunning, connectAgent } from "./agent/agent-client.ts";
import { EXIT } from "./agent/exit-codes.ts";
import type { Command, Surroundings } from "./command.ts";
import { clean } from "./clean.ts";
import { becomeAgentUser } from "./machine/become-agent-user.ts";
import { doctor } from "./doctor.ts";
import { enrol } from "./enrol.ts";
import { explain } from "./explain.ts";
import { history } from "./history.ts";
import { hold, release, retry, switchNow } from "./hold.ts";
import { load } from "./load.ts";
import { podman } from "./podman.ts";
import { refresh } from "./refresh.ts";
import { status } from "./status.ts";
import { supportBundle } from "./support-bundle.ts";
import { volumes } from "./volumes.ts";
import { whyNotPermitted } from "./agent/why-not-permitted.ts";
import { whyNotRunning } from "./agent/why-not-running.ts";

const COMMANDS: readonly Command[] = [
  status,
  explain,
  history,
  doctor,
  supportBundle,
  podman,
  hold,
  release,
  retry,
  switchNow,
  refresh,
  clean,
  load,
  volumes,
  enrol,
];

/** Ends the process. */
export async function runCommand(options: { readonly argv: readonly string[]; readonly config: string }): Promise<void> {
  const [name = "", ...args] = options.argv;
  const write = (text: string): void => void process.stdout.write(visibleLines(text));
  const warn = (text: string): void => void process.stderr.write(visibleLines(text));
  // A pipe that is closed early, as by head, is no error.
  process.stdout.once("error", () => process.exit(0));
  const controller = new AbortController();
  process.once("SIGINT", () => process.exit(130));
  if (commandNamed(name)?.beginsAsRoot !== true) becomeAgentUser();
  const folders = await foldersOf(options.config);
  const at: Surroundings = {
    env: process.env,
    write,
    warn,
    ask: process.stdin.isTTY ? askOnTerminal : null,
    width: Math.max(80, process.stdout.columns ?? 120),
    configFile: options.config,
    ...folders,
    agent: connectAgent(folders),
    signal: controller.signal,
  };
  process.exitCode = await runNamed(name, args, at);
}

async function askOnTerminal(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

async function runNamed(name: string, args: readonly string[], at: Surroundings): Promise<number> {
  if (name === "--version") at.write(`iot-agent ${AGENT_VERSION}\n`);
  else if (name === "--help" || name === "-h" || name === "help") at.write(helpOf(args[0]));
  else {
    const command = commandNamed(name);
    if (command === undefined) {
      const what = name.startsWith("-") ? `no option "${name}", or its value is missing` : `no command "${name}"`;
      at.warn(`iot-agent: there is ${what}: ${COMMANDS.map(nameOf).join(", ")}; iot-agent --help tells of each\n`);
      return EXIT.usage;
    }
    // What follows `podman` is Podman's.
    const isHelp = nameOf(command) === "podman" ? false : args.includes("--help") || args.includes("-h");
    if (isHelp) at.write(helpOf(name));
    else return runSafely(command, args, at);
  }
  return 0;
}

async function runSafely(command: Command, args: readonly string[], at: Surroundings): Promise<number> {
  try {
    return await command.run(args, at);
  } catch (error) {
    const { sentence, exitCode } = await endOf(error, at);
    at.warn(`iot-agent: ${sentence}\n`);
    return exitCode;
  }
}

async function endOf(error: unknown, at: Surroundings): Promise<{ sentence: string; exitCode: number }> {
  if (error instanceof UserError) return { sentence: error.message, exitCode: error.exitCode };
  if (error instanceof AgentNotPermitted) return { sentence: await whyNotPermitted(at), exitCode: EXIT.notPermitted };
  if (error instanceof AgentNotRunning) return { sentence: await whyNotRunning(at), exitCode: EXIT.notRunning };
  return { sentence: errorText(error), exitCode: EXIT.failed };
}

function commandNamed(name: string): Command | undefined {
  return COMMANDS.find((command) => nameOf(command) === name);
}

function nameOf({ usage }: Command): string {
  return usage.split(" ")[0] ?? "";
}

function helpOf(name: string | undefined): string {
  const command = name === undefined ? undefined : commandNamed(name);
  if (command !== undefined) return `Usage: iot-agent ${command.usage}\n\n${command.summary}.\n${command.details ?? ""}`;
  const width = Math.max(...COMMANDS.map(({ usage }) => usage.length)) + 2;
  return `Usage: iot-agent [--config FILE] [COMMAND]

systemd runs it without a command: as the agent, which makes this device run what its manifest in NATS says. With one:

${COMMANDS.map(({ usage, summary }) => `  ${usage.padEnd(width)}${summary}`).join("\n")}

iot-agent COMMAND --help tells more. For root and members of the group iot-agent, with or without a network. Exit codes: ${EXIT.failed} it is not
so or was refused, ${EXIT.usage} wrong use, ${EXIT.notRunning} the agent is not running, ${EXIT.notPermitted} this user may not ask.
`;
}

/** The folders that the configuration names, when this user may read it. */
async function foldersOf(file: string): Promise<{ stateDir: string; runDir: string }> {
  try {
    const { config } = await readConfig(file, process.env);
    return { stateDir: config.stateDir, runDir: config.runDir };
  } catch {
    // The agent reports what is wrong with it, and so does doctor.
    return { stateDir: DEFAULT_STATE_DIR, runDir: DEFAULT_RUN_DIR };
  }
}
