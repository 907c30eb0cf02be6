// The planner's decision: the steps, and everything else that the report words without deciding it
// again.

import type { Plan, StageReport } from "@harmony/core";
import type { Step } from "./step.ts";
import type { Target } from "./target.ts";

export interface PodmanPlan extends Plan<Step> {
  /** The version that should be in force; null: none, the deployment is removed. */
  readonly target: Target | null;
  /**
   * The names of its containers that have ended and are started again, by the agent or by Podman.
   */
  readonly startedAgain: readonly string[];
  /** The limits of the version that nothing on this device enforces. */
  readonly unenforced: readonly { readonly service: string; readonly limit: string }[];
  readonly stages: readonly StageReport[];
}
