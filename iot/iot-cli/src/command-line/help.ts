// The help of `iot`, wrapped for a terminal of 80 columns. Pure.

import { wrap } from "@iot/report";
import type { Command, LoadedCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { optionInWords } from "./option-in-words.ts";

const WIDTH = 80;
const FIRST_COLUMN = 24;

const ABOUT: readonly (readonly [string, string])[] = [
  ["--version", "which version this is"],
  ["--manual", "the manual page: iot --manual | man -l -"],
  ["--completion", "what completes iot in bash: source <(iot --completion)"],
];

/** What the environment says to the commands that go to NATS. */
export const ENVIRONMENT = {
  NATS_URL: "the NATS server, or several with commas: nats://127.0.0.1:4222 unless it is said, or --nats",
  NATS_USER: "the user",
  NATS_PASSWORD: "its password",
  NATS_CA: "a file with the certificate of the authority that signs the server's",
} as const;

export const EXIT_IN_WORDS: readonly (readonly [number, string])[] = [
  [0, "it is so, or it is done"],
  [EXIT.failed, "it is not so, or was refused"],
  [EXIT.usage, "wrong use"],
  [EXIT.notReached, "NATS, an operator or a host is not reached"],
  [EXIT.notPermitted, "it is not permitted"],
  [EXIT.interrupted, "ended by ^C"],
];

export function helpOfAll(commands: readonly Command[]): string {
  return paragraphs([
    ["Usage: iot COMMAND [OPTION...]"],
    wrap("Looks at a fleet of devices, and at workload repositories before they are pushed.", WIDTH, ""),
    commands.flatMap(({ name, operands, summary }) => entry(`${name} ${operands}`.trimEnd(), summary)),
    ["iot COMMAND --help says more, and these say what iot is:", ...ABOUT.flatMap(([option, about]) => entry(option, about))],
    [
      "Environment of the commands that look at the fleet, or say something to it:",
      ...Object.entries(ENVIRONMENT).flatMap(([name, about]) => entry(name, about)),
    ],
    ["Exit codes:", ...EXIT_IN_WORDS.flatMap(([code, about]) => entry(String(code), about))],
  ]);
}

export function helpOf(command: Command, { options, details }: LoadedCommand): string {
  const entries = Object.entries(options).flatMap(([name, option]) => entry(optionInWords(name, option), option.about));
  return paragraphs([
    wrap(`Usage: ${usageOf(command)}`, WIDTH, "           ", ""),
    wrap(sentenceOf(command.summary), WIDTH, ""),
    [...entries, ...entry("-h, --help", "prints this")],
    ...(details === undefined ? [] : [wrap(details, WIDTH, "")]),
  ]);
}

export function usageOf({ name, operands }: Command): string {
  return ["iot", name, operands, "[OPTION...]"].filter(Boolean).join(" ");
}

function entry(what: string, about: string): string[] {
  const indent = " ".repeat(FIRST_COLUMN + 2);
  const lines = wrap(about, WIDTH, indent);
  if (what.length >= FIRST_COLUMN) return [`  ${what}`, ...lines];
  return lines.map((line, index) => (index === 0 ? `  ${what.padEnd(FIRST_COLUMN)}${line.trimStart()}` : line));
}

function sentenceOf(summary: string): string {
  return `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`;
}

function paragraphs(all: readonly (readonly string[])[]): string {
  return all.map((lines) => `${lines.join("\n")}\n`).join("\n");
}
