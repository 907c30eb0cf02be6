export {
  type Commands,
  type CommandToRun,
  type LogBatch,
  type LogQuery,
  type Logs,
  type RunningCommand,
  type Size,
  Unable,
  UNABLE_REASONS,
  type UnableReason,
  type WrittenLine,
} from "./abilities.ts";
export {
  type BoundVariant,
  bind,
  CORE_REASONS,
  type Desired,
  type Explanation,
  type Hold,
  type Interpret,
  type Parsed,
  type Refusal,
  type ResidentInterpret,
  type ResidentVariant,
  type ScoreDocument,
  type ScoreVariant,
  type Workload,
} from "./score.ts";
export type { Inventory, InventoryDisk } from "./inventory.ts";
export { type Clauses, clausesOf } from "./clauses.ts";
export { formatIssues, formatPath, type Issue } from "./issue.ts";
export { plainText, visibleJson, visibleLines, visibleText } from "./plain-text.ts";
export type { Blocked, Done, Outcome, Plan, StageReport } from "./plan.ts";
export { type Milestone, type ReconcileOptions, type Reconciler, reconcile } from "./reconcile.ts";
export { PHASES, type Phase, type ServiceReport, type WorkloadReport } from "./report.ts";
export { duration, localDay, localTime, minuteOfDay, timeOfDay } from "./times.ts";
export type { Architecture, Topology } from "./topology.ts";
