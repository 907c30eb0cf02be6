// What a worker says of its deployment. Pure.

import type { WorkloadReport } from "@harmony/core";

export interface WorkerReport {
  readonly report: WorkloadReport;
  /** The KV revision that is worked towards. */
  readonly desiredRevision: number;
  /** The KV revision of what runs. Null: nothing runs, or what runs does not say it. */
  readonly runningRevision: number | null;
  readonly source: string;
  readonly generation: number;
}

/**
 * A Score that is not applied, beside what the one before it makes. It does not hide that a person
 * holds the deployment.
 */
export function withWrong(
  running: WorkloadReport,
  { phase, reason, message }: Pick<WorkloadReport, "phase" | "reason" | "message">,
): WorkloadReport {
  if (running.phase === "Held") return { ...running, message: `${running.message}; ${message}` };
  return { ...running, phase, reason, message: running.runningRevision === null ? message : `${message}; what runs stays` };
}
