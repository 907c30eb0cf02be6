// The manual page of `iot`, made from the table of commands, as roff. Pure.

import type { Described } from "./completion.ts";
import { EXIT_IN_WORDS, ENVIRONMENT } from "./help.ts";
import { optionInWords } from "./option-in-words.ts";

export function manualPage(commands: Described): string {
  const lines = [
    '.TH IOT 1 "" "iot" "User Commands"',
    ".SH NAME",
    `iot \\- ${roff("looks at a fleet of devices, and at what is to run on them")}`,
    ".SH SYNOPSIS",
    ".B iot",
    ".I COMMAND",
    ".RI [ OPTION ...]",
    ".SH DESCRIPTION",
    roff("What fleet operators and workload developers type. No command needs a cluster."),
    ".SH COMMANDS",
    ...commands.flatMap(([{ name, operands, summary }, { options, details }]) => [
      `.SS "${roff(`iot ${name} ${operands}`.trimEnd())}"`,
      roff(`${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.${details === undefined ? "" : ` ${details}`}`),
      ...Object.entries(options).flatMap(([option, of]) => [".TP", `.B ${roff(optionInWords(option, of))}`, roff(of.about)]),
    ]),
    ".SH ENVIRONMENT",
    ...Object.entries(ENVIRONMENT).flatMap(([name, about]) => [".TP", `.B ${name}`, roff(about)]),
    ".SH EXIT STATUS",
    ...EXIT_IN_WORDS.flatMap(([code, about]) => [".TP", `.B ${code}`, roff(about)]),
    ".SH SEE ALSO",
    ".BR iot\\-agent (8)",
  ];
  return `${lines.join("\n")}\n`;
}

/** A line that begins with a dot or a quote would be a request. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll('"', "\\(dq")
    .replace(/^([.'])/, "\\&$1");
}
