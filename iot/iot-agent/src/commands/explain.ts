// `iot-agent explain`: why a deployment is as it is and what would repair it, in the words of the
// fleet's `iot explain`; then what was seen of it just now, what is planned, and what stands in the
// way; with --stages, which stage of the planner acted, which stood back and why.

import { localTime } from "@harmony/core";
import { LocalExplanation } from "@iot/contracts";
import { renderExplained } from "@iot/report";
import { asJson, type Command, JSON_OPTION, parseCommandLine } from "./command.ts";

export const explain: Command = {
  usage: "explain <deployment> [--stages] [--json]",
  summary: "why a deployment is as it is, and what would repair it",
  async run(args, at) {
    const { values, positionals } = parseCommandLine(args, {
      usage: this.usage,
      options: { ...JSON_OPTION, stages: { type: "boolean" } },
      positionals: [1, 1],
    });
    const path = `/deployments/${encodeURIComponent(positionals[0] ?? "")}/explanation`;
    const { stages, ...rest } = await at.agent.ask(LocalExplanation, { method: "GET", path });
    const answer = values.stages === true ? { ...rest, stages: stages ?? [] } : rest;
    at.write(values.json === true ? asJson(answer) : renderExplanation(answer, { width: at.width, nowMs: Date.now() }));
    return 0;
  },
};

/** One that waits, or is not to be tried again, has no plan either. */
function nothing({ phase }: LocalExplanation["report"]): string {
  return phase === "Running" ? "nothing: all is as it should be" : "nothing now";
}

function stagesInWords(stages: NonNullable<LocalExplanation["stages"]>): readonly string[] {
  if (stages.length === 0) return ["none: the running agent is older, or does not look at this Score"];
  const indent = Math.max(...stages.map(({ name }) => name.length)) + 2;
  return stages.map(({ name, outcome, why }) => `${name.padEnd(indent)}${outcome === "acted" ? "acted" : "stood back"}: ${why}`);
}

/** Pure. */
export function renderExplanation(answer: LocalExplanation, { width, nowMs }: { readonly width: number; readonly nowMs: number }): string {
  const { report, deployment, device, observed, planned, blocked, stages } = answer;
  const sinceMs = Date.parse(report.since);
  return renderExplained(
    {
      deployment,
      device,
      ...report,
      since: Number.isNaN(sinceMs) ? null : report.since,
      sinceSeconds: Math.max(0, Math.round((nowMs - sinceMs) / 1_000)),
      facts: report.source === undefined ? [] : [["source", report.source]],
      sections: [
        ["Seen just now", observed],
        ["Planned", planned.length === 0 && blocked.length === 0 ? [nothing(report)] : planned],
        ["Blocked", blocked.map(({ subject, message }) => `${subject}: ${message}`)],
        ["Stages of the planner", stages === undefined ? [] : stagesInWords(stages)],
      ],
    },
    width,
    (time) => localTime(Date.parse(time)),
  );
}
