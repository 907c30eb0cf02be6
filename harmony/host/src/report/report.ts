// The report on a host while it is provisioned and after: core's report, and each step of the run
// with its result.

import type { Blocked, Outcome, Plan, WorkloadReport } from "@harmony/core";
import type { HostFacts } from "../model/host-facts.ts";
import { describeStep, type HostStep } from "../model/step.ts";

export interface StepReport {
  /** The step as an order: `install the packages podman, jq`. */
  readonly step: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
}

export interface HostReport extends WorkloadReport {
  readonly system: string;
  /** The step under way. */
  readonly doing: string | null;
  /** All steps of the run so far. */
  readonly steps: readonly StepReport[];
  readonly blocked: readonly Blocked[];
}

export interface ReportInput {
  readonly revision: string;
  readonly facts: HostFacts;
  readonly plan: Plan<HostStep>;
  readonly outcomes: readonly Outcome[];
  readonly doing: { readonly step: HostStep; readonly progress: string } | null;
  readonly steps: readonly StepReport[];
}

export function report({ revision, facts, plan, outcomes, doing, steps }: ReportInput): HostReport {
  const rest = {
    services: [],
    recheckAfterMs: null,
    doing: doing === null ? null : describeStep(doing.step),
    system: `${facts.system.name}, ${facts.architecture}`,
    steps,
    blocked: plan.blocked,
  };
  if (doing !== null) {
    const message = [describeStep(doing.step), doing.progress].filter(Boolean).join(": ");
    return { ...rest, phase: "Starting", reason: "Provisioning", message, runningRevision: null, settled: false };
  }
  const trouble = outcomes.find((outcome) => "reason" in outcome);
  if (trouble !== undefined) {
    return { ...rest, phase: "Failed", reason: trouble.reason, message: trouble.message, runningRevision: null, settled: false };
  }
  const [blocked] = plan.blocked;
  if (blocked !== undefined) {
    return {
      ...rest,
      phase: "Blocked",
      reason: blocked.reason,
      message: blocked.message,
      runningRevision: null,
      settled: plan.steps.length === 0,
    };
  }
  if (plan.steps.length > 0) {
    const message = "the host still differs after every step: look at what else changes it";
    return { ...rest, phase: "Degraded", reason: "StillDiffers", message, runningRevision: null, settled: false };
  }
  const message = "the host is as its Score says";
  return { ...rest, phase: "Running", reason: "Provisioned", message, runningRevision: revision, settled: true };
}
