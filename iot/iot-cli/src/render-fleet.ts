// The fleet as text: a table for `iot status`, with a sentence under every row that has something to say, and the sentence and facts of
// `iot explain`. Pure; the sentences are the devices' own (judge-fleet.ts).

import { type DeploymentRow, type DeviceRow, type Fleet, seconds } from "./judge-fleet.ts";

const COLUMNS = ["DEPLOYMENT", "DEVICE", "PHASE", "SINCE", "LAST SEEN"] as const;

/** `width`: of the terminal; sentences are wrapped to it. */
export function renderStatus(fleet: Fleet, width: number): string {
  if (fleet.devices.length === 0) return "Nothing is deployed, and no device has reported.\n";
  const cells = fleet.deployments.map((row) => [
    row.deployment,
    row.device,
    row.phase,
    row.sinceSeconds === null ? "-" : seconds(row.sinceSeconds),
    lastSeen(row),
  ]);
  const widths = COLUMNS.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const rows = fleet.deployments.flatMap((row, index) => [
    line(cells[index] ?? []),
    ...(row.standing === "ok" ? [] : wrap(row.message, width, "  ")),
  ]);
  const troubled = fleet.devices.filter(({ problem }) => problem !== null);
  return [
    ...(cells.length === 0 ? [] : [line(COLUMNS), ...rows, ""]),
    ...troubled.flatMap((device) => wrap(`${device.device}: ${device.problem?.message ?? ""}`, width, "")),
    ...(troubled.length === 0 ? [] : [""]),
    ...wrap(`${summary(fleet)}.`, width, ""),
    "",
  ].join("\n");
}

function summary({ devices, deployments }: Fleet): string {
  const standing = (which: DeploymentRow["standing"]): number => deployments.filter((row) => row.standing === which).length;
  const offline = devices.filter((device) => device.offline).length;
  const silent = devices.filter((device) => device.lastSeenSeconds === null).length;
  const parts = [
    `${standing("ok")} of ${deployments.length} run as desired`,
    counted(standing("progress"), "on the way"),
    counted(standing("problem"), "with a problem"),
    `${devices.length} ${devices.length === 1 ? "device" : "devices"}`,
    counted(offline, "offline"),
    counted(silent, "never seen"),
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function counted(count: number, what: string): string {
  return count === 0 ? "" : `${count} ${what}`;
}

function lastSeen(row: Pick<DeviceRow, "offline" | "lastSeenSeconds">): string {
  if (row.lastSeenSeconds === null) return "never";
  return `${seconds(row.lastSeenSeconds)} ago${row.offline ? ", offline" : ""}`;
}

/** One sentence, then the facts. */
export function renderExplanation(row: DeploymentRow, device: DeviceRow | undefined, width: number): string {
  const since = row.since === null ? "" : ` since ${row.since.slice(0, 19).replace("T", " ")} UTC (${seconds(row.sinceSeconds ?? 0)})`;
  const facts: [string, string][] = [
    ["desired", row.desiredRevision === null ? "no longer" : `revision ${row.desiredRevision}`],
    ["running", row.runningRevision === null ? "nothing" : `revision ${row.runningRevision}`],
    ...row.services.map(({ name, phase, image, health, restarts }): [string, string] => [
      `service ${name}`,
      [phase, image, health, restarts === undefined || restarts === 0 ? undefined : `${restarts} restarts`].filter(Boolean).join(", "),
    ]),
    ...(row.commit === null ? [] : [["commit", row.commit] as [string, string]]),
    ...(row.source === null
      ? []
      : [["source", row.namespace === null ? row.source : `${row.source}, namespace ${row.namespace}`] as [string, string]]),
    ["last seen", lastSeen(row)],
    ...(device === undefined || device.problem === null ? [] : [["device", device.problem.message] as [string, string]]),
  ];
  const indent = Math.max(...facts.map(([name]) => name.length)) + 4;
  return [
    ...wrap(`${row.deployment} on ${row.device} is ${row.phase}${since}: ${row.message}`, width, ""),
    ...facts.flatMap(([name, value]) => wrap(`${`  ${name}`.padEnd(indent)}${value}`, width, " ".repeat(indent), "")),
    "",
  ].join("\n");
}

/** Broken between words; `first` is the indentation of the first line. A word longer than the line stands alone. */
function wrap(text: string, width: number, indent: string, first: string = indent): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(/(?<=\S)(?=\s)/)) {
    if (!isEmpty && line.length + word.length > width) {
      lines.push(line);
      line = indent + word.trimStart();
    } else line += word;
    isEmpty = false;
  }
  return [...lines, line];
}
