// What a Device's conditions say, from what is judged of the device (judge-fleet.ts) and from its
// inventory. Pure. Ready sums up: a device that is silent is Unknown, since nobody knows; one that
// is on its way, or in trouble, is False, by its worst deployment.

import { formatIssues, type Parsed } from "@harmony/core";
import type { DeviceInventory, DeviceStatus } from "@iot/contracts";
import { shownAge } from "@iot/report";
import type { ConditionState } from "./aggregate.ts";
import { byUrgency, type DeploymentRow, type DeviceRow, type JudgedDevice } from "./judge-fleet.ts";
import type { FleetReason } from "./reasons.ts";

/** In the order in which they are shown. */
export const DEVICE_CONDITIONS = ["Ready", "Online", "DiskPressure", "ClockWrong", "Following"] as const;
export type DeviceConditions = Readonly<Record<(typeof DEVICE_CONDITIONS)[number], ConditionState>>;

/** As the kubelet's `nodefs.available`. */
const DISK_LEFT = 1 / 10;
/** A status is on its way for seconds; TLS and tokens fail of minutes. */
const CLOCK_OFF_MS = 60_000;

export interface DeviceFacts {
  readonly judged: JudgedDevice;
  /** What it reported last; null: nothing, or nothing that can be read. */
  readonly status: Pick<DeviceStatus, "reportedAt"> | null;
  /** When the server received that. */
  readonly receivedAtMs: number;
  /** null: it has sent none. */
  readonly inventory: Parsed<DeviceInventory> | null;
}

export interface DeploymentCounts {
  readonly desired: number;
  readonly running: number;
  readonly failed: number;
}

export function deviceConditions(facts: DeviceFacts): DeviceConditions {
  return {
    Ready: ready(facts.judged),
    Online: online(facts.judged),
    DiskPressure: diskPressure(facts.inventory),
    ClockWrong: clockWrong(facts),
    Following: following(facts.judged),
  };
}

export function deploymentCounts({ deployments }: JudgedDevice): DeploymentCounts {
  const count = (of: (row: DeploymentRow) => boolean): number => deployments.filter(of).length;
  return {
    desired: count(({ desiredRevision }) => desiredRevision !== null),
    running: count(({ desiredRevision, standing, offline, phase }) => desiredRevision !== null && isRunning({ standing, offline, phase })),
    failed: count(({ standing, offline, phase }) => standing === "problem" && !isRunning({ standing, offline, phase })),
  };
}

/** One that is silent keeps running what it ran last. */
function isRunning({ standing, offline, phase }: Pick<DeploymentRow, "standing" | "offline" | "phase">): boolean {
  return standing === "ok" || (offline && phase === "Running");
}

function state(status: ConditionState["status"], reason: FleetReason, message: string): ConditionState {
  return { status, reason, message };
}

function ready({ row, deployments }: JudgedDevice): ConditionState {
  if (row.lastSeenSeconds === null) return state("Unknown", "NeverReported", "it has never reported");
  if (row.offline) return state("Unknown", "Silent", silence(row));
  if (row.problem !== null) return { status: "False", ...row.problem };
  const [worst] = deployments.filter(({ standing }) => standing !== "ok").toSorted(byUrgency);
  if (worst !== undefined) {
    const { standing, reason, deployment, message } = worst;
    return {
      status: "False",
      reason: standing === "progress" ? ("Progressing" satisfies FleetReason) : reason,
      message: `${deployment}: ${message}`,
    };
  }
  const { desired, running } = deploymentCounts({ row, deployments });
  return state("True", "Running", desired === 0 ? "it reports, and nothing is deployed to it" : `${running} of ${desired} run as desired`);
}

function online({ row }: JudgedDevice): ConditionState {
  if (row.lastSeenSeconds === null) return state("Unknown", "NeverReported", "it has never reported");
  return row.offline ? state("False", "Silent", silence(row)) : state("True", "Reporting", "it reports");
}

function silence({ lastSeenAt }: DeviceRow): string {
  return `it has not been heard since ${(lastSeenAt ?? "").slice(0, 19)}Z: look at its power and its network`;
}

function diskPressure(inventory: DeviceFacts["inventory"]): ConditionState {
  if (inventory === null) return state("Unknown", "NotYetReported", "it has sent no inventory yet");
  if (!inventory.ok) return state("Unknown", "InvalidInventory", `its inventory cannot be read: ${formatIssues(inventory.issues)}`);
  const { disks = [] } = inventory.value;
  const [fullest] = disks.filter(({ bytes }) => bytes > 0).toSorted((a, b) => a.availableBytes / a.bytes - b.availableBytes / b.bytes);
  if (fullest === undefined) return state("Unknown", "NotYetReported", "its agent does not say how full its disks are");
  const left = fullest.availableBytes / fullest.bytes;
  const words = `${Math.round(left * 100)} % of the disk at ${fullest.path} is left`;
  return left < DISK_LEFT
    ? state("True", "DiskLow", `${words}: remove files, or images that nothing uses`)
    : state("False", "DiskSufficient", words);
}

function clockWrong({ status, receivedAtMs }: DeviceFacts): ConditionState {
  const reportedAtMs = Date.parse(status?.reportedAt ?? "");
  if (Number.isNaN(reportedAtMs)) return state("Unknown", "NotYetReported", "it has not said what its clock shows");
  const offMs = reportedAtMs - receivedAtMs;
  if (Math.abs(offMs) <= CLOCK_OFF_MS) return state("False", "ClockRight", "its clock is right to a minute");
  const words = `its clock is ${shownAge(Math.floor(Math.abs(offMs) / 1_000))} ${offMs < 0 ? "behind" : "ahead"}`;
  return state("True", "ClockOff", `${words}: give it a time server (timedatectl)`);
}

/** Whether it goes by what is desired, whatever becomes of that. */
function following({ row }: JudgedDevice): ConditionState {
  if (row.lastSeenSeconds === null) return state("Unknown", "NeverReported", "it has never reported");
  if (row.problem !== null) return { status: "False", ...row.problem };
  if (row.offline) return state("Unknown", "Silent", "it is silent, and follows when it is back");
  return state("True", "Following", "it follows its manifest");
}
