// The fleet as text: a table for `iot status`, with a sentence under every row that has something
// to say, and the sentence and facts of `iot explain`. Pure; the sentences are the devices' own.

import { renderExplained, renderTable, shownAge, shownPhase, wrap, wrapSentence } from "@iot/report";
import { type DeploymentRow, type DeviceRow, type Fleet } from "@iot/fleet";
import { devicesOf, groupRows, likeness, someOf } from "./group-rows.ts";
import type { FleetView, RemovalRow, SourceRow } from "./read-fleet.ts";

const COLUMNS = ["DEPLOYMENT", "DEVICE", "PHASE", "SINCE", "LAST SEEN"] as const;
const WIDE_COLUMNS = ["DEPLOYMENT", "DEVICE", "PHASE", "REASON", "SINCE", "LAST SEEN", "REVISION", "COMMIT", "IMAGES"] as const;

export interface Look {
  /** The terminal's width; sentences are wrapped to it. */
  readonly width: number;
  /** Every row by itself, with what runs down to the digest. */
  readonly isWide: boolean;
}

interface ShownRow {
  readonly cells: readonly string[];
  /** What there is to say of it, below it; empty: nothing. */
  readonly sentence: string;
  /** Whose the sentence is, where the row does not say it. */
  readonly head?: string;
}

export function renderStatus(fleet: FleetView, { width, isWide }: Look): string {
  const sources = fleet.sources.flatMap((source) => renderSource(source, width));
  const begun = sources.length === 0 ? "" : `${sources.join("\n")}\n\n`;
  if (fleet.devices.length === 0) return `${begun}Nothing is deployed, and no device has reported.\n`;
  const rows: readonly ShownRow[] = isWide
    ? fleet.deployments.map((row) => ({ cells: wideCells(row), sentence: sentenceOf(row) }))
    : [...groupRows(fleet.deployments).map(shownGroup), ...emptyDevices(fleet)];
  const [titles = "", ...lines] = renderTable(
    isWide ? WIDE_COLUMNS : COLUMNS,
    rows.map(({ cells }) => cells),
  );
  const troubled = troubledDevices(fleet.devices);
  const table = [
    ...(rows.length === 0 ? [] : [titles, ...rows.flatMap((row, index) => [lines[index] ?? "", ...said(row, width)]), ""]),
    ...troubled.flatMap(({ names, message }) => wrapSentence(message, width, "", { head: `${names}: ` })),
    ...(troubled.length === 0 ? [] : [""]),
    ...wrap(`${summary(fleet)}.`, width, ""),
    "",
  ].join("\n");
  return `${begun}${table}`;
}

function said({ sentence, head = "" }: ShownRow, width: number): string[] {
  return sentence === "" ? [] : wrapSentence(sentence, width, "  ", { head });
}

function sentenceOf({ standing, message }: DeploymentRow): string {
  return standing === "ok" ? "" : message;
}

function wideCells(row: DeploymentRow): readonly string[] {
  const images = row.services.map(({ image = "", imageDigest }) =>
    imageDigest === undefined ? image : `${image}@${imageDigest.slice(0, 19)}`,
  );
  const revision = [row.runningRevision, row.desiredRevision].map((each) => each ?? "-").join(" of ");
  return [
    row.deployment,
    row.device,
    shownPhase(row),
    row.reason,
    sinceOf(row),
    lastSeen(row),
    revision,
    row.commit?.slice(0, 10) ?? "-",
    images.join(", "),
  ];
}

function sinceOf({ sinceSeconds }: DeploymentRow): string {
  return sinceSeconds === null ? "-" : shownAge(sinceSeconds);
}

function shownGroup(group: readonly DeploymentRow[]): ShownRow {
  const [row] = group;
  if (row === undefined) return { cells: [], sentence: "" };
  if (group.length === 1)
    return { cells: [row.deployment, row.device, shownPhase(row), sinceOf(row), lastSeen(row)], sentence: sentenceOf(row) };
  const only = (values: readonly string[], many: string): string => (new Set(values).size === 1 ? (values[0] ?? "") : many);
  const names = group.map(({ deployment }) => deployment);
  const devices = devicesOf(group);
  const cells = [
    only(names, `${new Set(names).size} deployments`),
    `${devices.length} devices`,
    only(
      group.map(({ phase }) => phase),
      row.offline ? "Silent" : "several",
    ),
    ages(group.map(({ sinceSeconds }) => sinceSeconds)),
    row.lastSeenSeconds === null
      ? "never"
      : `${ages(group.map(({ lastSeenSeconds }) => lastSeenSeconds))} ago${row.offline ? ", offline" : ""}`,
  ];
  const example = `(iot explain ${row.deployment} ${row.device} shows one)`;
  const what = row.offline
    ? `the devices are silent, and follow when they are back: look at their power and their network ${example}`
    : only(
        group.map(({ message }) => message),
        `${row.message} ${example}`,
      );
  return { cells, sentence: what, head: `${someOf(devices)}: ` };
}

/** `3 min`, or `3 min to 2 h`. */
function ages(seconds: readonly (number | null)[]): string {
  const known = seconds.flatMap((each) => (each === null ? [] : [each])).toSorted((a, b) => a - b);
  const [least, most] = [known[0], known.at(-1)];
  if (least === undefined || most === undefined) return "-";
  return shownAge(least) === shownAge(most) ? shownAge(least) : `${shownAge(least)} to ${shownAge(most)}`;
}

/** A device that nothing is deployed to is there, too. */
function emptyDevices({ devices, deployments }: FleetView): ShownRow[] {
  const used = new Set(deployments.map(({ device }) => device));
  return devices.flatMap((row) => (used.has(row.device) ? [] : [{ cells: ["-", row.device, "-", "-", lastSeen(row)], sentence: "" }]));
}

/** A sentence for each trouble of a whole device, or of several that have the same. */
function troubledDevices(devices: readonly DeviceRow[]): { readonly names: string; readonly message: string }[] {
  const groups = new Map<string, { readonly message: string; readonly names: string[] }>();
  for (const { device, problem } of devices) {
    if (problem === null) continue;
    const key = likeness(problem.message, device);
    const group = groups.get(key) ?? { message: problem.message, names: [] };
    groups.set(key, group);
    group.names.push(device);
  }
  return [...groups.values()].map(({ message, names }) => ({ names: someOf(names), message }));
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

/** What the sources say of a name that no device has, or not this one; empty: nothing. */
export function saidOfAbsent(name: string, sources: readonly SourceRow[]): string {
  const done = { removed: "removed", held: "holds the removal of", lost: "lost" } as const;
  const removals = sources.flatMap(({ source, removals: all }) =>
    all
      .filter((each) => each.name === name)
      .map(({ what, namespace, devices, why }) => {
        const when = what === "removed" ? " in the last ten minutes" : "";
        return `${source} ${done[what]} ${namespace}/${name} from ${entries(devices)}${when}: ${why}`;
      }),
  );
  const unfollowed = sources.flatMap(({ source, problem }) =>
    problem === null ? [] : [`it may be in what is not followed, ${source}: ${problem}`],
  );
  const silent = sources.flatMap(({ source, silentSeconds }) =>
    silentSeconds === null
      ? []
      : [`it may be in what is new, for the operator of ${source} has not been heard for ${shownAge(silentSeconds)}`],
  );
  return [...removals, ...unfollowed, ...silent].map((text) => `; ${text}`).join("");
}

function entries(devices: readonly string[]): string {
  const [first = "no device"] = devices;
  return devices.length > 1 ? `${devices.length} devices` : first;
}
