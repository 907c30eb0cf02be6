// What is deployed where, how it goes and since when: rows for people, from what the operator wrote
// (desired state) and what the devices said (status). Pure. A row that the two do not agree on says
// which of them is waited for; a device that is silent keeps what it said last, marked offline.
// Ages are by the server's clock: a device's own may be years off.

import { formatIssues, type Parsed } from "@harmony/core";
import { lookUp } from "@harmony/schema";
import {
  type DeploymentReport,
  type DeviceId,
  type DeviceStatus,
  type Manifest,
  type ManifestEntry,
  offlineAfterMs,
  UNREADABLE_PHASE,
} from "@iot/contracts";
import { shownAge } from "@iot/report";
import { classOfPhase, type PhaseClass } from "./phase-class.ts";
import { BootsHeard, type IdInUse } from "./boots-heard.ts";
import type { FleetReason } from "./reasons.ts";

/** The last that a device said of itself. */
export interface HeardStatus {
  readonly device: DeviceId;
  /** The server's time stamp. */
  readonly receivedAtMs: number;
  /** The server's clock when the entry was given: `nowMs - receivedAtMs` is its age. */
  readonly nowMs: number;
  readonly status: Parsed<DeviceStatus>;
}

/** By device, what the operator wrote. */
export type DesiredManifests = ReadonlyMap<DeviceId, { readonly manifest: Parsed<Manifest>; readonly isGone?: boolean }>;

export interface DeviceRow {
  readonly device: string;
  readonly offline: boolean;
  /** null: it has never reported. */
  readonly lastSeenAt: string | null;
  readonly lastSeenSeconds: number | null;
  readonly agentVersion: string | null;
  /** What keeps the whole device from following. */
  readonly problem: { readonly reason: string; readonly message: string } | null;
}

/** `ok`: runs what is desired. `progress`: on its way. `problem`: wants a person, or time. */
export type Standing = "ok" | "progress" | "problem";

export interface DeploymentRow {
  readonly deployment: string;
  readonly device: string;
  readonly standing: Standing;
  /** As it was written: a newer agent may have phases that are not known here. */
  readonly phase: string;
  /** A word for machines. */
  readonly reason: string;
  /** A sentence for people: the device's own wherever it is about what is desired now. */
  readonly message: string;
  /** When phase or reason last changed, by the server's clock; null: not known. */
  readonly since: string | null;
  readonly sinceSeconds: number | null;
  readonly offline: boolean;
  readonly lastSeenSeconds: number | null;
  /** null: no longer desired. */
  readonly desiredRevision: number | null;
  readonly runningRevision: number | null;
  readonly namespace: string | null;
  readonly source: string | null;
  readonly commit: string | null;
  readonly services: DeploymentReport["services"];
}

export interface Fleet {
  readonly devices: readonly DeviceRow[];
  readonly deployments: readonly DeploymentRow[];
}

interface Heard {
  readonly entry: HeardStatus | null;
  readonly status: DeviceStatus | null;
  readonly row: DeviceRow;
}

const STANDING: Readonly<Record<PhaseClass, Standing>> = { fine: "ok", "under-way": "progress", trouble: "problem" };
/** `pi-2` stands before `pi-10`. */
export const NATURAL: Intl.Collator = new Intl.Collator("en", { numeric: true });
const SEVERITY: Readonly<Record<Standing, number>> = { problem: 0, progress: 1, ok: 2 };

/** `boots`: of the readings before, for who reads again and again. */
export function judgeFleet(
  snapshot: { readonly manifests: DesiredManifests },
  statuses: readonly HeardStatus[],
  boots: BootsHeard = new BootsHeard(),
): Fleet {
  const heard = new Map(statuses.map((entry) => [entry.device, entry]));
  const desiredOf = [...snapshot.manifests].flatMap(([device, { isGone }]) => (isGone === true ? [] : [device]));
  const ids = [...new Set<DeviceId>([...desiredOf, ...heard.keys()])].toSorted(NATURAL.compare);
  const judged = ids.map((device) => {
    const entry = heard.get(device) ?? null;
    const inUse = entry?.status.ok === true ? boots.hear(device, entry.status.value, entry.receivedAtMs) : null;
    return judgeDevice(device, snapshot.manifests.get(device)?.manifest ?? null, entry, inUse);
  });
  return { devices: judged.map(({ row }) => row), deployments: judged.flatMap(({ deployments }) => deployments).toSorted(byUrgency) };
}

export interface JudgedDevice {
  readonly row: DeviceRow;
  readonly deployments: readonly DeploymentRow[];
}

/**
 * `desired` null: the bucket has nothing for it. `entry` null: it has never reported. `inUse`: two
 * devices that have this id.
 */
export function judgeDevice(
  device: DeviceId,
  desired: Parsed<Manifest> | null,
  entry: HeardStatus | null,
  inUse: IdInUse | null = null,
): JudgedDevice {
  const said = hear(device, entry, inUse, desired !== null && !desired.ok ? formatIssues(desired.issues) : null);
  const deployments = rowsOf(device, said, desired === null ? { sources: [], deployments: {} } : desired.ok ? desired.value : null);
  return { row: said.row, deployments };
}

function hear(device: DeviceId, entry: HeardStatus | null, inUse: IdInUse | null, manifestIssue: string | null): Heard {
  const status = entry?.status.ok === true ? entry.status.value : null;
  const unreadable = entry !== null && !entry.status.ok ? formatIssues(entry.status.issues) : null;
  const problem =
    manifestIssue !== null
      ? {
          reason: "InvalidManifest" satisfies FleetReason,
          message: `the manifest in the bucket "desired-state" cannot be read: ${manifestIssue}; the operator writes it anew`,
        }
      : unreadable !== null
        ? {
            reason: "InvalidStatus" satisfies FleetReason,
            message: `what it reports cannot be read: ${unreadable}; its agent may be of another version than this iot`,
          }
        : inUse !== null
          ? inUse
          : status?.problem !== undefined
            ? { reason: status.problem.reason, message: status.problem.message }
            : null;
  const ageMs = entry === null ? null : Math.max(0, entry.nowMs - entry.receivedAtMs);
  const row: DeviceRow = {
    device,
    offline: ageMs !== null && ageMs > offlineAfterMs(status),
    lastSeenAt: entry === null ? null : new Date(entry.receivedAtMs).toISOString(),
    lastSeenSeconds: ageMs === null ? null : Math.floor(ageMs / 1000),
    agentVersion: status?.agentVersion ?? null,
    problem,
  };
  return { entry, status, row };
}

/** `manifest` null: it cannot be read, so nothing is known to be undesired. */
function rowsOf(device: DeviceId, said: Heard, manifest: Manifest | null): DeploymentRow[] {
  const desired = manifest?.deployments ?? {};
  const reports = said.status?.deployments ?? {};
  const names = [...new Set([...Object.keys(desired), ...Object.keys(reports)])];
  return names.map((deployment) => {
    const entry = lookUp(desired, deployment) ?? null;
    const report = lookUp(reports, deployment) ?? null;
    const isKnownUndesired = manifest !== null && entry === null;
    // What no manifest names and none says is to go, the device keeps and says so: a person
    // decides.
    const isMerelyAbsent = manifest?.removed !== undefined && report?.desiredRevision === null;
    const isKept = isKnownUndesired && (isMerelyAbsent || report?.reason === "NotNamed");
    const judged = judge({ entry, report, said, isKnownUndesired, isKept });
    const sinceMs = report !== null && judged.isTheDevices && said.entry !== null ? sinceByServer(report, said.entry, said.status) : null;
    return {
      deployment,
      device,
      standing: judged.standing,
      phase: judged.phase,
      reason: judged.reason,
      message: judged.message,
      since: sinceMs === null ? null : new Date(sinceMs).toISOString(),
      sinceSeconds: sinceMs === null || said.entry === null ? null : Math.max(0, Math.floor((said.entry.nowMs - sinceMs) / 1000)),
      offline: said.row.offline,
      lastSeenSeconds: said.row.lastSeenSeconds,
      desiredRevision: entry?.revision ?? null,
      runningRevision: report?.runningRevision ?? null,
      namespace: entry?.namespace ?? null,
      source: entry?.source ?? report?.source ?? null,
      commit: entry?.commit ?? null,
      services: report?.services ?? [],
    };
  });
}

interface Judged {
  readonly standing: Standing;
  /** As it was written: a newer agent may have phases that are not known here. */
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  /** Phase and message are what the device said, so its `since` belongs to them. */
  readonly isTheDevices: boolean;
}

function judge(of: {
  entry: ManifestEntry | null;
  report: DeploymentReport | null;
  said: Heard;
  isKnownUndesired: boolean;
  isKept: boolean;
}): Judged {
  const { entry, report, said, isKnownUndesired, isKept } = of;
  const silent = said.row.offline
    ? `the device has been silent for ${shownAge(said.row.lastSeenSeconds ?? 0)} and follows when it is back`
    : null;
  const waits = (reason: FleetReason, message: string): Judged => ({
    standing: silent === null ? "progress" : "problem",
    phase: isKnownUndesired ? "Removing" : "Pending",
    reason,
    message: silent === null ? message : `${message}; ${silent}`,
    isTheDevices: false,
  });
  if (said.entry === null) {
    const message =
      "the device has never reported: switch it on, or look whether its agent has this device id and reaches this NATS server";
    return { standing: "problem", phase: "Pending", reason: "NeverReported" satisfies FleetReason, message, isTheDevices: false };
  }
  const { problem } = said.row;
  // What two devices say by turns is about neither.
  if (problem?.reason === ("InvalidStatus" satisfies FleetReason) || problem?.reason === ("DeviceIdInUse" satisfies FleetReason)) {
    return {
      standing: "problem",
      phase: "Pending",
      reason: problem.reason,
      message: problem.message,
      isTheDevices: false,
    };
  }
  if (report === null) return waits("NotYetReported", "is desired, and the device has not reported on it yet");
  if (isKnownUndesired && !isKept && report.phase !== "Removing")
    return waits("NotYetRemoved", "is no longer desired, and the device has not removed it yet");
  if (entry !== null && report.phase !== UNREADABLE_PHASE && report.desiredRevision !== entry.revision) {
    const runs = report.runningRevision === null ? "nothing of it runs" : `revision ${report.runningRevision} runs`;
    return waits("NotYetReceived", `revision ${entry.revision} is desired, and the device has not received it yet (${runs})`);
  }
  const standing = isKept ? "problem" : STANDING[classOfPhase(report.phase)];
  const common = { phase: report.phase, reason: report.reason, isTheDevices: true };
  if (silent === null) return { ...common, standing, message: report.message };
  return { ...common, standing: "problem", message: `${report.message}; so it said last: ${silent}` };
}

/** What a Date can hold; a device may claim any two times, and their difference may be outside. */
const LAST_DATE_MS = 8.64e15;

/**
 * The device's clock may be wrong, its differences are not: `reportedAt` is when the server
 * received it.
 */
function sinceByServer(report: DeploymentReport, entry: HeardStatus, status: DeviceStatus | null): number | null {
  const reported = Date.parse(status?.reportedAt ?? "");
  const since = Date.parse(report.since);
  if (Number.isNaN(since)) return null;
  const ms = Number.isNaN(reported) ? since : Math.min(entry.receivedAtMs, entry.receivedAtMs - (reported - since));
  return Math.abs(ms) <= LAST_DATE_MS ? ms : null;
}

/** The worst first. */
export function byUrgency(a: DeploymentRow, b: DeploymentRow): number {
  return SEVERITY[a.standing] - SEVERITY[b.standing] || NATURAL.compare(a.deployment, b.deployment) || NATURAL.compare(a.device, b.device);
}
