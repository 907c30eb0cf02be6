// What a worker says of its deployment. Pure.

import type { WorkloadReport } from "@harmony/core";
import type { Reason } from "../desired/reasons.ts";

export interface WorkerReport {
  readonly report: WorkloadReport;
  /** The KV revision that is worked towards. Null: no manifest names it any more. */
  readonly desiredRevision: number | null;
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

/** What no manifest names goes on as it was, and says why it stays. */
export function withNotNamed(running: WorkloadReport, why: string): WorkloadReport {
  const { phase, reason, message } = running;
  // A word of its own, such as Held or CrashLoop, is what a person has to know first.
  const isPlain = phase !== "Held" && (phase === "Running" || reason === phase);
  return { ...running, reason: isPlain ? ("NotNamed" satisfies Reason) : reason, message: `${message}; ${why}` };
}
