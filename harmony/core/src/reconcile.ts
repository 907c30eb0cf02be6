// observe → plan → apply → report, once for the whole project. A pass observes, plans, and applies the steps in order until one
// does not succeed or asks for a new plan; after a pass that changed the world it observes again, until a plan is empty or something
// stands in the way.

import type { Outcome, Plan } from "./plan.ts";

/** `Planned`: a plan that carries what else the planner decided, for the report. */
export interface Reconciler<Desired, Snapshot, Step, Report, Planned extends Plan<Step> = Plan<Step>> {
  /** What is. Reads only; what cannot be known is a value of the Snapshot, not a guess. */
  observe(desired: Desired, signal: AbortSignal): Promise<Snapshot>;
  /** Pure, synchronous, total, deterministic. */
  plan(desired: Desired, snapshot: Snapshot): Planned;
  /** No choice left to make. Expected failures are Outcomes; anything thrown is a bug or an abort and ends the run. `progress` tells a long step's state in a few words. */
  apply(step: Step, signal: AbortSignal, progress: (text: string) => void): Promise<Outcome>;
  /** Pure. `doing` is the step under way, with its progress; null when the pass is over. */
  report(input: {
    desired: Desired;
    snapshot: Snapshot;
    plan: Planned;
    outcomes: readonly Outcome[];
    doing: { step: Step; progress: string } | null;
  }): Report;
}

export interface ReconcileOptions<Report> {
  readonly signal: AbortSignal;
  /** Called with every new report, also while a step runs. */
  onReport?: (report: Report) => void;
}

/** A world that changes under every pass is looked at again later rather than chased for ever. */
const MAX_PASSES = 8;

export async function reconcile<Desired, Snapshot, Step, Report, Planned extends Plan<Step>>(
  reconciler: Reconciler<Desired, Snapshot, Step, Report, Planned>,
  desired: Desired,
  options: ReconcileOptions<Report>,
): Promise<Report> {
  const { signal, onReport } = options;
  for (let pass = 1; ; pass += 1) {
    signal.throwIfAborted();
    const snapshot = await reconciler.observe(desired, signal);
    const plan = reconciler.plan(desired, snapshot);
    const outcomes: Outcome[] = [];
    const tell = (doing: { step: Step; progress: string } | null): Report => {
      const report = reconciler.report({ desired, snapshot, plan, outcomes: [...outcomes], doing });
      onReport?.(report);
      return report;
    };
    for (const step of plan.steps) {
      signal.throwIfAborted();
      tell({ step, progress: "" });
      const outcome = await reconciler.apply(step, signal, (progress) => tell({ step, progress }));
      outcomes.push(outcome);
      if (outcome.kind !== "changed" && outcome.kind !== "unchanged") break;
    }
    const stopped = outcomes.some((outcome) => "reason" in outcome);
    const changed = outcomes.some(({ kind }) => kind === "changed" || kind === "replan");
    if (stopped || !changed || pass === MAX_PASSES) return tell(null);
  }
}
