// `iot-agent history`: the last transitions of this device's deployments, oldest first. When the
// agent is stopped they are read from its file, by whoever may.

import { join } from "node:path";
import { localTime } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { type HistoryEntry, LocalHistory } from "@iot/contracts";
import { wrap } from "@iot/report";
import { HISTORY_FILE, HISTORY_KEPT, readHistory } from "../status/history.ts";
import { AgentNotRunning } from "./agent/agent-client.ts";
import { EXIT } from "./agent/exit-codes.ts";
import { asJson, type Command, JSON_OPTION, parseCommandLine, type Surroundings } from "./command.ts";
import { machine } from "./machine/machine.ts";

export const history: Command = {
  usage: "history [<deployment>] [--json]",
  summary: `the last ${HISTORY_KEPT} transitions, kept over power cuts`,
  details: "\nTimes are by the device's clock, in its own time zone.\n",
  async run(args, at) {
    const { values, positionals } = parseCommandLine(args, { usage: this.usage, options: JSON_OPTION, positionals: [0, 1] });
    const [name] = positionals;
    const all = await readEntries(at);
    const entries = all.filter(({ deployment }) => name === undefined || deployment === name);
    if (name !== undefined && entries.length === 0) throw new UserError(unknownSentence(name, all), EXIT.failed);
    if (values.json === true) at.write(asJson({ entries }));
    else at.write(renderHistory(entries, at.width));
    return 0;
  },
};

export async function readEntries(at: Surroundings): Promise<readonly HistoryEntry[]> {
  try {
    return (await at.agent.ask(LocalHistory, { method: "GET", path: "/history" })).entries;
  } catch (error) {
    if (!(error instanceof AgentNotRunning)) throw error;
    const text = await machine.read(join(at.stateDir, HISTORY_FILE));
    if (text === null) throw error;
    return readHistory(text).entries;
  }
}

function unknownSentence(name: string, entries: readonly HistoryEntry[]): string {
  const known = [...new Set(entries.map(({ deployment }) => deployment))].toSorted().join(", ");
  return `the history has nothing of "${name}", ${known === "" ? "nor of anything else" : `but of ${known}`}`;
}

/** Pure. */
export function renderHistory(entries: readonly HistoryEntry[], width: number): string {
  if (entries.length === 0) return "Nothing has happened yet.\n";
  const lines = entries.flatMap(({ at, deployment, phase, reason, message, revision }) => {
    const time = localTime(Date.parse(at));
    const what = [phase ?? "gone", ...(phase === null || phase === reason ? [] : [`(${reason})`])].join(" ");
    const version = revision === null ? "" : ` (revision ${revision})`;
    return wrap(`${time}  ${deployment} ${what}: ${message}${version}`, width, " ".repeat(time.length + 2), "");
  });
  return `${lines.join("\n")}\n`;
}
