// `iot-agent status`: what this device runs, since when, and how it is connected. From the running
// agent; when none runs, what its files say, for whoever may read them.

import { join } from "node:path";
import { localTime } from "@harmony/core";
import { parseJson } from "@harmony/schema";
import { type HistoryEntry, LocalStatus } from "@iot/contracts";
import { renderTable, shownAge, shownPhase, wrap, wrapSentence } from "@iot/report";
import { HISTORY_FILE, readHistory } from "../status/history.ts";
import { SavedState, STATE_FILE } from "../desired/state-store.ts";
import { AgentNotRunning } from "./agent/agent-client.ts";
import { EXIT } from "./agent/exit-codes.ts";
import { asJson, type Command, JSON_OPTION, parseCommandLine, type Surroundings } from "./command.ts";
import { machine } from "./machine/machine.ts";
import { whyNotRunning } from "./agent/why-not-running.ts";

export const status: Command = {
  usage: "status [--json]",
  summary: "what runs here, since when, and how the device is connected",
  async run(args, at) {
    const { values } = parseCommandLine(args, { usage: this.usage, options: JSON_OPTION });
    const found = await statusOrLastKnown(at);
    if (values.json === true) at.write(asJson(found.running ? found.status : found));
    else if (found.running) at.write(renderStatus(found.status, { width: at.width, nowMs: Date.now() }));
    else {
      at.warn(`iot-agent: ${found.message}\n`);
      if (found.lastKnown !== null) at.write(renderLastKnown(found.lastKnown, at.width));
    }
    return found.running ? 0 : EXIT.notRunning;
  },
};

interface Running {
  readonly running: true;
  readonly status: LocalStatus;
}

interface NotRunning {
  readonly running: false;
  /** Why, and what would repair it. */
  readonly message: string;
  readonly lastKnown: LastKnown | null;
}

/** @throws as the agent's client does, unless the agent does not run. */
export async function statusOrLastKnown(at: Surroundings): Promise<Running | NotRunning> {
  try {
    return { running: true, status: await at.agent.ask(LocalStatus, { method: "GET", path: "/status" }) };
  } catch (error) {
    if (!(error instanceof AgentNotRunning)) throw error;
    return { running: false, message: await whyNotRunning(at), lastKnown: await lastKnown(at) };
  }
}

/** Pure. */
export function renderStatus(status: LocalStatus, { width, nowMs }: { readonly width: number; readonly nowMs: number }): string {
  const age = (since: string | undefined): string => {
    const ms = nowMs - Date.parse(since ?? "");
    return Number.isNaN(ms) ? "-" : shownAge(Math.max(0, Math.round(ms / 1_000)));
  };
  const { connection, device, agentVersion, problem, deployments } = status;
  const names = Object.keys(deployments).toSorted();
  const rows = names.flatMap((name) => {
    const report = deployments[name];
    if (report === undefined) return [];
    const head = [name, shownPhase(report), age(report.since), "", ""];
    const services = report.services.map(({ name: service, phase, startedAt, restarts, image, imageDigest }) => [
      `  ${service}`,
      phase,
      age(startedAt),
      String(restarts ?? 0),
      [image ?? "-", ...(imageDigest === undefined || image?.includes("@") === true ? [] : [imageDigest.slice(0, 19)])].join(" "),
    ]);
    return [
      { cells: head, sentence: report.phase === "Running" && report.reason !== "NotNamed" ? "" : report.message },
      ...services.map((cells) => ({ cells, sentence: "" })),
    ];
  });
  const [titles = "", ...lines] = renderTable(
    ["DEPLOYMENT", "PHASE", "SINCE", "RESTARTS", "IMAGE"],
    rows.map(({ cells }) => cells),
  );
  const table = lines.flatMap((line, index) => {
    const sentence = rows[index]?.sentence ?? "";
    return sentence === "" ? [line] : [line, ...wrapSentence(sentence, width, "    ")];
  });
  return [
    ...wrapSentence(connection.message, width, "", { head: `${device}: `, tail: ` (for ${age(connection.since)})` }),
    ...(problem === undefined ? [] : wrapSentence(problem.message, width, "", { tail: ` (for ${age(problem.since)})` })),
    "",
    ...(names.length === 0 ? ["This device has no deployments."] : [titles, ...table]),
    "",
    `agent ${agentVersion ?? "of an unknown version"}`,
    "",
  ].join("\n");
}

export interface LastKnown {
  readonly device: string;
  readonly deployments: readonly { readonly name: string; readonly revision: number | null; readonly last: HistoryEntry | null }[];
}

/** Null: this user may not read it, or there is none. */
async function lastKnown(at: Surroundings): Promise<LastKnown | null> {
  const read = async (file: string): Promise<string> => (await machine.read(join(at.stateDir, file))) ?? "";
  const [state, lines] = await Promise.all([read(STATE_FILE), read(HISTORY_FILE)]);
  const saved = parseJson(SavedState, state);
  if (!saved.ok) return null;
  const { entries } = readHistory(lines);
  return {
    device: saved.value.device,
    deployments: Object.entries(saved.value.deployments).map(([name, { score }]) => ({
      name,
      revision: score?.revision ?? null,
      last: entries.findLast(({ deployment }) => deployment === name) ?? null,
    })),
  };
}

/** Pure. */
export function renderLastKnown({ device, deployments }: LastKnown, width: number): string {
  const lines = deployments.flatMap(({ name, revision, last }) => {
    const said =
      last === null ? "nothing was said of it" : `${last.phase ?? "gone"} since ${localTime(Date.parse(last.at))}: ${last.message}`;
    return wrap(`  ${name} (revision ${revision ?? "not read yet"}): ${said}`, width, "    ", "");
  });
  const what = deployments.length === 0 ? "nothing" : "this, which goes on without the agent unless it is stopped";
  return [`When the agent ran last, ${device} was to run ${what}:`.replace("nothing:", "nothing."), ...lines, ""].join("\n");
}
