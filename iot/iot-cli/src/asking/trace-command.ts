// `iot trace`: where the time went from a push to what runs, on one device step by step, and for
// all devices of a deployment as percentiles.

import { localTime, visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { renderTable } from "@iot/report";
import { defineCommand, type Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { deviceOf, withReader } from "./as-person.ts";
import { momentOf } from "./moment.ts";
import { readTransitions } from "./read-transitions.ts";
import { targetOf } from "./target.ts";
import { type Chain, chainOf, newestOfEach, percentile } from "./trace-chain.ts";

const SLOWEST = 5;
const OPTIONS = {
  since: { type: "string", value: "when", about: "of all devices: what came about since then (default: 7d)" },
  ...JSON_OPTION,
  ...NATS_OPTION,
} as const;

export const trace = defineCommand({
  options: OPTIONS,
  operands: [1, 2],
  details:
    "On one device each step of the newest revision. The steps on the device are by its monotonic clock, which nobody sets; all others by the clock of NATS, and a commit by the clock of who committed. Without a device: the median, the 95th percentile and the slowest five.",
  async run({ since = "7d", json, nats }, [name = "", text], at) {
    const { deployment } = targetOf(name);
    const device = text === undefined ? null : deviceOf(text);
    const sinceMs = device === null ? momentOf(since, Date.now()) : null;
    const { transitions, missing } = await withReader(nats, at, (messaging) => readTransitions(messaging, { device, sinceMs }, at.signal));
    if (missing !== null) at.warn(visibleLines(`iot: ${missing}\n`));
    const chains = transitions.flatMap((told) => {
      const chain = told.event.deployment === deployment ? chainOf(told) : null;
      return chain === null ? [] : [chain];
    });
    const newest = newestOfEach(chains);
    if (newest.length === 0) throw new UserError(nothingOf(deployment, text), EXIT.failed);
    write(newest, { isOne: device !== null, isJson: json === true }, at);
    return 0;
  },
});

function nothingOf(deployment: string, device: string | undefined): string {
  const where = device === undefined ? "no device" : `"${device}"`;
  return `${where} has said how "${deployment}" came about: a restart of the agent on the way leaves no trace, nor does an agent of 0.1; iot history shows what happened`;
}

function write(chains: readonly Chain[], { isOne, isJson }: { readonly isOne: boolean; readonly isJson: boolean }, at: Surroundings): void {
  if (isJson) at.write(visibleJson(isOne ? chains[0] : chains, 2));
  else at.write(visibleLines(isOne ? chains.map(renderChain).join("\n") : renderFleet(chains)));
}

/** Pure. */
export function renderChain({ device, deployment, revision, isHealthy, totalMs, links, longest }: Chain): string {
  const since = links[0]?.step === "commit" ? "the push" : "the change";
  const state = isHealthy ? "healthy" : `not healthy (${links.at(-1)?.about ?? ""})`;
  const head = `${deployment} on ${device}, revision ${revision ?? "unknown"}, ${state} ${seconds(totalMs)} after ${since}`;
  const width = Math.max(...links.map(({ about }) => about.length)) + 2;
  const lines = links.map((link) => {
    const took = link.tookMs === null ? localTime(link.atMs) : `${link.tookMs < 0 ? "-" : "+"} ${seconds(Math.abs(link.tookMs))}`;
    return `  ${link.step.padEnd(10)}${link.about.padEnd(width)}${took}${link === longest ? "   ◀ longest" : ""}`;
  });
  return `${[head, ...lines].join("\n")}\n`;
}

/** Pure. */
export function renderFleet(chains: readonly Chain[]): string {
  const healthy = chains.filter(({ isHealthy }) => isHealthy);
  const times = healthy.map(({ totalMs }) => totalMs);
  const slowest = healthy.toSorted((a, b) => b.totalMs - a.totalMs).slice(0, SLOWEST);
  const rest = chains.length - healthy.length;
  const head = healthy.length === 0 ? [] : [`p50 ${seconds(percentile(times, 0.5))}   p95 ${seconds(percentile(times, 0.95))}`];
  const table = renderTable(
    ["DEVICE", "REVISION", "TOOK", "LONGEST"],
    slowest.map(({ device, revision, totalMs, longest }) => [
      device,
      String(revision ?? ""),
      seconds(totalMs),
      longest === null ? "" : `${longest.step} ${seconds(longest.tookMs ?? 0)}`,
    ]),
  );
  return `${[
    `${chains[0]?.deployment ?? ""}: ${healthy.length} devices healthy${rest === 0 ? "" : `, ${rest} not`}`,
    ...head,
    ...(slowest.length === 0 ? [] : table),
  ].join("\n")}\n`;
}

function seconds(ms: number): string {
  return ms < 100_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}
