// What the planner decided: the steps, and what else the report has to word without deciding it
// anew.

import type { Plan, StageReport } from "@harmony/core";
import type { Step } from "./step.ts";
import type { Target } from "./target.ts";

export interface PodmanPlan extends Plan<Step> {
  /** The version that is to be in force; null: none, the deployment is removed. */
  readonly target: Target | null;
  /** Names of its containers that have ended and are started again, by the agent or by Podman. */
  readonly startedAgain: readonly string[];
  /** Limits of the version that nothing on this device enforces. */
  readonly unenforced: readonly { readonly service: string; readonly limit: string }[];
  readonly stages: readonly StageReport[];
}
