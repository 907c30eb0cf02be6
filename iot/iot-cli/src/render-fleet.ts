// The fleet as text: a table for `iot status`, with a sentence under every row that has something
// to say, and the sentence and facts of `iot explain`. Pure; the sentences are the devices' own.

import { renderExplained, renderTable, shownAge, wrap } from "@iot/report";
import { type DeploymentRow, type DeviceRow, type Fleet } from "@iot/fleet";
import type { FleetView, RemovalRow, SourceRow } from "./read-fleet.ts";

const COLUMNS = ["DEPLOYMENT", "DEVICE", "PHASE", "SINCE", "LAST SEEN"] as const;

/** `width`: of the terminal; sentences are wrapped to it. */
export function renderStatus(fleet: FleetView, width: number): string {
  const sources = fleet.sources.flatMap((source) => renderSource(source, width));
  const begun = sources.length === 0 ? "" : `${sources.join("\n")}\n\n`;
  if (fleet.devices.length === 0) return `${begun}Nothing is deployed, and no device has reported.\n`;
  const cells = fleet.deployments.map((row) => [
    row.deployment,
    row.device,
    row.phase,
    row.sinceSeconds === null ? "-" : shownAge(row.sinceSeconds),
    lastSeen(row),
  ]);
  const [titles = "", ...lines] = renderTable(COLUMNS, cells);
  const rows = fleet.deployments.flatMap((row, index) => [
    lines[index] ?? "",
    ...(row.standing === "ok" ? [] : wrap(row.message, width, "  ")),
  ]);
  const troubled = fleet.devices.filter(({ problem }) => problem !== null);
  const table = [
    ...(cells.length === 0 ? [] : [titles, ...rows, ""]),
    ...troubled.flatMap((device) => wrap(`${device.device}: ${device.problem?.message ?? ""}`, width, "")),
    ...(troubled.length === 0 ? [] : [""]),
    ...wrap(`${summary(fleet)}.`, width, ""),
    "",
  ].join("\n");
  return `${begun}${table}`;
}

/** What it follows, or why not; then what waits for a person, and what is lost. */
function renderSource({ source, version, problem, held, lost, silentSeconds }: SourceRow, width: number): string[] {
  const at = version === null ? "nothing is followed yet" : `follows ${version.slice(0, 10)}`;
  const still = version === null ? at : `still at ${version.slice(0, 10)}`;
  const isSaid = version !== null && problem?.includes(version.slice(0, 7)) === true;
  const follows = problem === null ? at : isSaid ? problem : `${problem}; ${still}`;
  const silent = silentSeconds === null ? "" : `; its operator has not been heard for ${shownAge(silentSeconds)}`;
  const waits = [held, lost].flatMap((text) => (text === null ? [] : wrap(text, width, "  ")));
  return [...wrap(`${source}: ${follows}${silent}`, width, ""), ...waits];
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
  return `${shownAge(row.lastSeenSeconds)} ago${row.offline ? ", offline" : ""}`;
}

/** One sentence, then the facts; what its source holds, lost or does not follow is one of them. */
export function renderExplanation(row: DeploymentRow, device: DeviceRow | undefined, sources: readonly SourceRow[], width: number): string {
  const source = row.source === null ? [] : [row.namespace === null ? row.source : `${row.source}, namespace ${row.namespace}`];
  const facts: [string, string][] = [
    ...(row.commit === null ? [] : [["commit", row.commit] as [string, string]]),
    ...source.map((text): [string, string] => ["source", text]),
    ...sources.filter(({ source: id }) => id === row.source).flatMap((each) => sourceFacts(each, row)),
    ["last seen", lastSeen(row)],
    ...(device === undefined || device.problem === null ? [] : [["device", device.problem.message] as [string, string]]),
  ];
  return renderExplained({ ...row, facts }, width);
}

function sourceFacts({ problem, held, lost, removals }: SourceRow, row: DeploymentRow): [string, string][] {
  const isIn = (what: RemovalRow["what"]): boolean =>
    removals.some(
      (each) => each.what === what && each.name === row.deployment && each.namespace === row.namespace && each.devices.includes(row.device),
    );
  return [
    ...(problem === null ? [] : [["not followed", problem] as [string, string]]),
    ...(held !== null && isIn("held") ? [["held", held.replace(/^held: /, "")] as [string, string]] : []),
    ...(lost !== null && isIn("lost") ? [["lost", lost.replace(/^lost: /, "")] as [string, string]] : []),
  ];
}

/** What the sources say of a name that no device has; empty: nothing. */
export function saidOfAbsent(name: string, sources: readonly SourceRow[]): string {
  const removed = sources.flatMap(({ source, removals }) =>
    removals
      .filter((each) => each.what === "removed" && each.name === name)
      .map(
        ({ namespace, devices, why }) => `${source} removed ${namespace}/${name} from ${entries(devices)} in the last ten minutes: ${why}`,
      ),
  );
  const unfollowed = sources.flatMap(({ source, problem }) =>
    problem === null ? [] : [`it may be in what is not followed, ${source}: ${problem}`],
  );
  return [...removed, ...unfollowed].map((text) => `; ${text}`).join("");
}

function entries(devices: readonly string[]): string {
  const [first = "no device"] = devices;
  return devices.length > 1 ? `${devices.length} devices` : first;
}
