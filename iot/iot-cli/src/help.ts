// The help of `iot`, wrapped for a terminal of 80 columns. Pure.

import { wrap } from "@iot/report";
import type { Command, LoadedCommand, Option } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

const WIDTH = 80;
const FIRST_COLUMN = 24;

const NATS =
  "Commands that look at the fleet, or say something to it, go to NATS: --nats or NATS_URL (nats://127.0.0.1:4222), NATS_USER, NATS_PASSWORD, NATS_CA. They need no cluster.";
const ENDS = `Exit codes: 0 it is so, ${EXIT.failed} it is not so or was refused, ${EXIT.usage} wrong use, ${EXIT.notReached} not reached, ${EXIT.notPermitted} not permitted, ${EXIT.interrupted} ended by ^C.`;

export function helpOfAll(commands: readonly Command[]): string {
  return paragraphs([
    ["Usage: iot COMMAND [OPTION...]"],
    wrap("Looks at a fleet of devices, and at workload repositories before they are pushed.", WIDTH, ""),
    commands.flatMap(({ name, operands, summary }) => entry(`${name} ${operands}`.trimEnd(), summary)),
    wrap("iot COMMAND --help tells more, iot --version which version this is.", WIDTH, ""),
    wrap(NATS, WIDTH, ""),
    wrap(ENDS, WIDTH, ""),
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

/** `--device <id>`, with its short form before it. */
export function optionInWords(name: string, { short, value }: Option): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` <${value}>`}`;
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
