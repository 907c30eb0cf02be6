// The variant LinuxHostV0: a Linux host made ready over SSH. Ties the border, the observation, the planner, the executor and the
// report together. A host does not remember its Score, so it has no workloads to list, and nobody watches it.

import { type Desired, type ReconcileOptions, reconcile, type Reconciler, type ScoreVariant, type Topology } from "@harmony/core";
import { parse } from "@harmony/schema";
import { execute } from "./execute.ts";
import { HostFacts, observationScript, parseFacts } from "./facts.ts";
import { LinuxHostV0 } from "./linux-host-v0-schema.ts";
import { plan } from "./planner.ts";
import { type HostReport, report, type StepReport } from "./report.ts";
import type { Ssh } from "./ssh.ts";
import { describeStep, type HostStep } from "./step.ts";

export interface HostCapabilities {
  readonly ssh: Ssh;
  /** How long a new address has to be confirmed; 60 s unless told. */
  readonly confirmWithinMs?: number;
}
