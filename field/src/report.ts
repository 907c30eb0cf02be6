// Writes the report of the field runs from their records. Pure. It has a row for each phase, then
// every cut that failed or needed repair.

import { PHASE_BEGINS, PHASES } from "./plan.ts";
import type { CutRecord, Run } from "./record.ts";

export interface RunResult {
  readonly run: Run;
  readonly records: readonly CutRecord[];
}

export function report(results: readonly RunResult[]): string {
  return `# Power cuts

Made by \`npm run field\` (docs/adr/0020-power-cuts-in-qemu.md says what a cut is there, and what it is not). A device is a disk of Debian
trixie booted in qemu, with the agent from its Debian package, two deployments of one container each (with a volume, a file and a secret),
and a real NATS, registry and operator beside it. Its process is killed at a random moment of a seeded plan; then the same disk is booted and judged: it boots to the
login prompt; the containers of the last good or of the new version answer over HTTP; it is reconciled to the newest version; no
file of the agent is damaged, and none was kept aside; no container, volume or network is left that no Score names; fsck finds a
clean file system once the journal is replayed. The processor is emulated, on a machine that does other things too, so the times are of
use beside each other only.
${results.map((result) => section(result)).join("")}`;
}

/** Reports a device that a person owns: nobody sees what its card loses. */
export function reportOwn(result: RunResult): string {
  const device = result.run.versions["device"] ?? "a device";
  return `# Power cuts of a device

Made by \`npm run field -- --device …\` on ${device}. Its power was cut at random moments of a seeded plan. After each cut it was judged: a person can log
in; the containers of the last good or of the new version answer; it is reconciled to the newest version; no file of the agent is damaged; no container,
volume or network of the run is left that no Score names; the kernel found no error of the card or its file system.
${section(result, true)}`;
}

export function sentence({ number, phase, delayMs, begun, disk, loginMs, answeredMs, reconciledMs, failures, repairs }: CutRecord): string {
  const s = (ms: number | null): string => (ms === null ? "never" : `${Math.round(ms / 1000)} s`);
  const times = `login ${s(loginMs)}, answers ${s(answeredMs)}, reconciled ${s(reconciledMs)}`;
  const marks = [begun ? "" : "not begun", ...repairs.map((text) => `repair: ${text}`), ...failures.map((text) => `FAILED: ${text}`)];
  return [
    `cut ${number} ${phase}+${delayMs}ms${disk.writes === 0 ? "" : `, ${disk.lost} of ${disk.unflushed} writes lost`}: ${times}`,
    ...marks.filter(Boolean),
  ].join("; ");
}

/** The last time of each cut that was made again, and the times before. */
export function timesOf(records: readonly CutRecord[]): { readonly last: readonly CutRecord[]; readonly before: readonly CutRecord[] } {
  const byTime = records.toSorted((a, b) => a.finishedAt.localeCompare(b.finishedAt));
  const last = new Map(byTime.map((record) => [record.number, record]));
  return { last: [...last.values()], before: byTime.filter((record) => last.get(record.number) !== record) };
}

/** `isOwn`: of a device that a person owns. */
function section({ run, records: all }: RunResult, isOwn = false): string {
  const { last, before } = timesOf(all);
  const records = last.toSorted((a, b) => a.number - b.number);
  const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`);
  const failed = records.filter(({ failures }) => failures.length > 0);
  const repaired = records.filter(({ failures, repairs }) => failures.length === 0 && repairs.length > 0);
  return `
## ${run.architecture}: ${records.length} cuts, ${failed.length} failed, ${repaired.length} needed a repair${before.length === 0 ? "" : `; ${before.length} had failed before and were made again`}

\`npm run field -- ${isOwn ? "--device …" : `--arch ${run.architecture}`} --seed ${run.seed} --cuts ${records.length}\`, begun ${run.startedAt}; ${versions.join(", ")}; ${run.machine}. The agent: ${agents(records).join("; ")}.

| phase | begins when | cuts | failed | repaired | login p50 / max | both answer p50 / max | reconciled p50 / max |
|---|---|---|---|---|---|---|---|
${[
  ...PHASES.map((phase) =>
    row(
      phase,
      PHASE_BEGINS[phase],
      records.filter((record) => record.phase === phase),
    ),
  ),
  row("all", "", records),
].join("\n")}

${isOwn ? "Which writes the card lost is not known." : unflushed(records)}
${list("Cuts that failed", failed, ({ failures }) => failures)}${list(
    "Cuts that had failed, and were made again with an agent that was repaired (found.md)",
    before,
    ({ agent, failures }) => [agent, ...failures],
  )}${list("Cuts that needed a repair, which the device did by itself", repaired, ({ repairs }) => repairs)}`;
}

/** The agents by version; a version ends in the commit. */
function agents(records: readonly CutRecord[]): readonly string[] {
  const names = [...new Set(records.map(({ agent }) => agent))];
  return names.map((name) => `${name} (${records.filter(({ agent }) => agent === name).length} cuts)`);
}

function row(phase: string, begins: string, records: readonly CutRecord[]): string {
  const count = (is: (record: CutRecord) => boolean): number => records.filter(is).length;
  const times = (of: (record: CutRecord) => number | null): string => {
    const known = records.map(of).filter((value) => value !== null);
    return known.length === 0 ? "–" : `${seconds(percentile(known, 0.5))} / ${seconds(Math.max(...known))}`;
  };
  const cells = [
    phase,
    begins,
    records.length,
    count(({ failures }) => failures.length > 0),
    count(({ failures, repairs }) => failures.length === 0 && repairs.length > 0),
    times(({ loginMs }) => loginMs),
    times(({ answeredMs }) => answeredMs),
    times(({ reconciledMs }) => reconciledMs),
  ];
  return `| ${cells.join(" | ")} |`;
}

function unflushed(records: readonly CutRecord[]): string {
  const having = records.filter(({ disk }) => disk.unflushed > 0);
  const lost = records.reduce((sum, { disk }) => sum + disk.lost, 0);
  const late = records.filter(({ begun }) => !begun).length;
  const text = `${having.length} of the cuts came upon writes that no flush had followed; ${lost} such writes were lost.`;
  return late === 0 ? text : `${text} In ${late} cuts the phase had not begun in time, and the power was cut all the same.`;
}

function list(title: string, records: readonly CutRecord[], lines: (record: CutRecord) => readonly string[]): string {
  if (records.length === 0) return "";
  const items = records.map((record) => {
    const texts = lines(record).map((line) => `  - ${line}`);
    return `- cut ${record.number}, ${record.phase} + ${record.delayMs} ms (\`--only ${record.number}\`)\n${texts.join("\n")}`;
  });
  return `\n### ${title}\n\n${items.join("\n")}\n`;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(0)} s`;
}
