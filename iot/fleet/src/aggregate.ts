// From what the devices report to what is published for a Deployment: counters, failures grouped by
// reason, and conditions in kstatus' sense, in sentences. Pure. A device's report counts only if it
// is on the revision that was written for it: what it says of an older Score is no answer yet.

import {
  type DeploymentAggregate,
  type DeploymentReport,
  type DeviceId,
  type DeviceStatus,
  type FailureGroup,
  offlineAfterMs,
} from "@iot/contracts";
import type { Blocked, Parsed } from "@harmony/core";
import { formatIssues, plainText, visibleText } from "@harmony/core";
import { classOfPhase } from "./phase-class.ts";
import type { FleetReason } from "./reasons.ts";

/** Kubernetes' own default for a Deployment. */
export const PROGRESS_DEADLINE_SECONDS = 600;
export const GROUPS = 10;
export const EXAMPLES = 3;
/** With what stands around them no longer than a device's own message may be. */
const ISSUES_CHARACTERS = 900;

/** What is counted of a device's status: a small part of it, for a fleet's are kept in memory. */
export interface CountedStatus {
  readonly statusIntervalSeconds?: number | undefined;
  readonly problem?: { readonly reason: string; readonly message: string } | undefined;
  readonly deployments: Readonly<Record<string, CountedReport>>;
}

type CountedReport = Pick<DeploymentReport, "phase" | "reason" | "message" | "desiredRevision">;

export interface DeviceView {
  readonly device: DeviceId;
  /** The revision of the Score that was written for it; null: none yet. */
  readonly revision: number | null;
  /** null: it never reported. */
  readonly status: { readonly ageMs: number; readonly value: Parsed<CountedStatus> } | null;
}

export function countedStatus({ statusIntervalSeconds, problem, deployments }: DeviceStatus): CountedStatus {
  const reports = Object.entries(deployments).map(([name, { phase, reason, message, desiredRevision }]): [string, CountedReport] => [
    name,
    { phase, reason, message, desiredRevision },
  ]);
  const said = problem === undefined ? undefined : { reason: problem.reason, message: problem.message };
  return { statusIntervalSeconds, problem: said, deployments: Object.fromEntries(reports) };
}

/** What the devices are counted as. */
export interface Counted {
  readonly aggregate: DeploymentAggregate;
  readonly rejected: number;
}

export interface ConditionsInput {
  readonly counted: Counted;
  /** What keeps the Deployment itself from being served. */
  readonly blocked: Omit<Blocked, "subject"> | null;
  /** How long the counters have stood still. */
  readonly waitedMs: number;
}

/**
 * A condition in Kubernetes' sense, without what only the resource's writer knows (times,
 * observedGeneration).
 */
export interface ConditionState {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** kstatus conventions. */
export interface DeploymentConditions {
  readonly Ready: ConditionState;
  readonly Reconciling: ConditionState;
  readonly Stalled: ConditionState;
}

/** What a device counts as. */
export type DeviceState =
  | { kind: "running" }
  | { kind: "pending"; phase: string }
  | { kind: "offline" }
  | { kind: "failed"; rejected: boolean; reason: string; message: string };

/** `name` is the Deployment's, under which the devices report on it. */
export function countDevices(name: string, devices: readonly DeviceView[]): Counted {
  const states = devices.map((view) => ({ device: view.device, state: stateOf(name, view) }));
  const count = (kind: DeviceState["kind"]): number => states.filter(({ state }) => state.kind === kind).length;
  return {
    aggregate: {
      devices: states.length,
      running: count("running"),
      pending: count("pending"),
      failed: count("failed"),
      offline: count("offline"),
      failures: failureGroups(states),
    },
    rejected: states.filter(({ state }) => state.kind === "failed" && state.rejected).length,
  };
}

/** `name` is the Deployment's. */
export function stateOf(name: string, { revision, status }: DeviceView): DeviceState {
  if (status === null || status.ageMs > offlineAfterMs(status.value.ok ? status.value.value : null)) return { kind: "offline" };
  if (!status.value.ok) {
    return {
      kind: "failed",
      rejected: false,
      reason: "InvalidStatus" satisfies FleetReason,
      message: `its status cannot be read (${plainText(formatIssues(status.value.issues), ISSUES_CHARACTERS)}): is its agent of another version?`,
    };
  }
  const { problem, deployments } = status.value.value;
  // What two devices say by turns is about neither.
  if (problem?.reason === ("DeviceIdInUse" satisfies FleetReason))
    return { kind: "failed", rejected: false, reason: problem.reason, message: problem.message };
  const report = Object.hasOwn(deployments, name) ? deployments[name] : undefined;
  if (report !== undefined && revision !== null && report.desiredRevision === revision) return phaseState(report);
  if (problem !== undefined) return { kind: "failed", rejected: false, reason: problem.reason, message: problem.message };
  return { kind: "pending", phase: "Pending" };
}

function phaseState({ phase, reason, message }: CountedReport): DeviceState {
  switch (classOfPhase(phase)) {
    case "fine":
      return { kind: "running" };
    case "under-way":
      return { kind: "pending", phase };
    case "trouble":
      return { kind: "failed", rejected: phase === "Rejected", reason, message };
  }
}

/** By reason, the largest first; the message is the first device's. */
function failureGroups(states: readonly { device: DeviceId; state: DeviceState }[]): FailureGroup[] {
  const failed = states.flatMap(({ device, state }) =>
    state.kind === "failed" ? [{ device, reason: state.reason, message: state.message }] : [],
  );
  const groups = [...Map.groupBy(failed, ({ reason }) => reason)].map(([reason, of]) => {
    const devices = of.map(({ device }) => device).toSorted();
    const first = of.find(({ device }) => device === devices[0]);
    return { reason, message: first?.message ?? "", devices: of.length, examples: devices.slice(0, EXAMPLES) };
  });
  return groups.toSorted((a, b) => b.devices - a.devices || (a.reason < b.reason ? -1 : 1)).slice(0, GROUPS);
}

export function conditionsOf({ counted, blocked, waitedMs }: ConditionsInput): DeploymentConditions {
  const { devices, running, pending, failed, offline, failures } = counted.aggregate;
  const message = sentence(counted.aggregate);
  const yes = (reason: string, text = message): ConditionState => ({ status: "True", reason, message: text });
  const no = (reason: string, text = message): ConditionState => ({ status: "False", reason, message: text });

  if (blocked !== null) {
    const { reason } = blocked;
    const why = visibleText(blocked.message);
    return { Ready: no(reason, why), Reconciling: no(reason, why), Stalled: yes(reason, why) };
  }
  // What is offline follows by itself: it keeps nothing waiting as long as somebody runs it.
  if (running > 0 && running + offline === devices) {
    const reason: FleetReason = offline === 0 ? "Running" : "RunningWhereOnline";
    return { Ready: yes(reason), Reconciling: no(reason), Stalled: no(reason) };
  }
  if (counted.rejected > 0 && counted.rejected === devices - offline) {
    const reason: FleetReason = "Rejected";
    return { Ready: no(reason), Reconciling: no(reason), Stalled: yes(reason) };
  }
  const [first] = failures;
  const progress: FleetReason = pending > 0 || offline === 0 ? "Progressing" : "Offline";
  const reason = first?.reason ?? progress;
  if (waitedMs > PROGRESS_DEADLINE_SECONDS * 1_000) {
    const overdue = `${message}; nothing has changed for ${Math.floor(waitedMs / 60_000)} minutes`;
    const overdueReason: FleetReason = failed > 0 ? "Failed" : "ProgressDeadlineExceeded";
    const stalled = failed > 0 ? (first?.reason ?? overdueReason) : overdueReason;
    return { Ready: no(reason, message), Reconciling: no(stalled, message), Stalled: yes(stalled, failed > 0 ? message : overdue) };
  }
  return { Ready: no(reason), Reconciling: yes(reason), Stalled: no(reason) };
}

/** `397 of 400 run it; 3 are offline and will follow`. */
function sentence({ devices, running, pending, failed, offline, failures }: DeploymentAggregate): string {
  const parts = [`${running} of ${devices} ${running === 1 ? "runs" : "run"} it`];
  if (pending > 0) parts.push(`${pending} ${pending === 1 ? "is" : "are"} on the way`);
  if (failed > 0) parts.push(`${failed} ${failed === 1 ? "does" : "do"} not (${failures.map(groupText).join("; ")})`);
  if (offline > 0) parts.push(`${offline} ${offline === 1 ? "is" : "are"} offline and will follow`);
  return parts.join("; ");
}

function groupText({ reason, message, devices, examples }: FailureGroup): string {
  const more = devices - examples.length;
  return `${reason} on ${examples.join(", ")}${more > 0 ? ` and ${more} more` : ""}: ${message}`;
}
