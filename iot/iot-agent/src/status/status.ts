// What this device reports of itself. Pure: from what the workers report to the document, with the
// time since when it is so. When and how it is sent is status-sender.ts's.

import { type DeploymentName, type DeploymentReport, type DeviceId, type DeviceStatus, STATUS_EVERY_MS } from "@iot/contracts";
import type { Problem } from "../desired/problems.ts";
import type { WorkerReport } from "../reconcile/worker-report.ts";

export interface Advance {
  readonly report: DeploymentReport;
  /**
   * `transition`: phase, reason or revision, which a person wants to hear of; `detail`: the rest.
   */
  readonly change: "transition" | "detail" | "none";
}

export function advance(before: DeploymentReport | undefined, said: WorkerReport, now: string): Advance {
  const { phase, reason, message, services } = said.report;
  const isSame = before?.phase === phase && before.reason === reason;
  // What ends well when its trial is closed has run since the trial began.
  const isProved = phase === "Running" && before?.reason === "OnTrial";
  const report: DeploymentReport = {
    phase,
    reason,
    message,
    since: isSame || isProved ? before.since : now,
    desiredRevision: said.desiredRevision,
    runningRevision: said.runningRevision,
    source: said.source,
    generation: said.generation,
    services: services.map(({ restarts, ...service }) => (restarts === undefined || restarts === 0 ? service : { ...service, restarts })),
  };
  if (!isSame || before.desiredRevision !== report.desiredRevision) return { report, change: "transition" };
  return { report, change: JSON.stringify(report) === JSON.stringify(before) ? "none" : "detail" };
}

export interface DeviceStatusInput {
  readonly device: DeviceId;
  readonly agentVersion: string;
  readonly reportedAt: string;
  readonly statusIntervalMs: number;
  readonly manifestRevision: number | null;
  readonly problem: Problem | undefined;
  readonly deployments: ReadonlyMap<DeploymentName, DeploymentReport>;
}

export function deviceStatus({ problem, deployments, statusIntervalMs, ...rest }: DeviceStatusInput): DeviceStatus {
  const interval = statusIntervalMs === STATUS_EVERY_MS ? {} : { statusIntervalSeconds: Math.ceil(statusIntervalMs / 1_000) };
  const sorted = [...deployments].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { ...rest, ...interval, ...(problem === undefined ? {} : { problem: { ...problem } }), deployments: Object.fromEntries(sorted) };
}
