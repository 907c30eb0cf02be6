// observe → plan → apply → report, once for the whole project. A pass observes, plans, and applies
// the steps in order until one does not succeed. After a pass that changed the world it observes
// again, until a plan is empty or something stands in the way. The planner is given the Outcome of
// a step that failed, and may have an answer to it.

import type { Done, Outcome, Plan } from "./plan.ts";

/**
 * One kind of thing that is kept as it should be. `Planned`: a plan that carries what else the
 * planner decided, for the report.
 *
 * @example
 * // A tank that is kept full. Its pump refuses while it is hot, and is given time then.
 * const tank: Reconciler<{ litres: number }, { litres: number }, Step, string> = {
 *   observe: async () => ({ litres: await gauge.read() }),
 *   plan: (wanted, seen) => ({
 *     steps: seen.litres < wanted.litres ? [{ kind: "pump" }] : [],
 *     blocked: [],
 *     recheckAfterMs: 60_000,
 *   }),
 *   apply: async (step) => {
 *     if (step.kind === "rest") return rest();
 *     if (await pump.run()) return { kind: "changed" };
 *     const message = "the pump is hot, and rests: shade it";
 *     return { kind: "failed", subject: "pump", reason: "Paused", message, code: "hot" };
 *   },
 *   answer: (_wanted, _seen, { outcome }) => (outcome.code === "hot" ? [{ kind: "rest" }] : []),
 *   report: ({ snapshot, plan }) => `${snapshot.litres} litres, ${plan.steps.length} steps`,
 * };
 * await reconcile(tank, { litres: 100 }, { signal });
 */
export interface Reconciler<Desired, Snapshot, Step, Report, Planned extends Plan<Step> = Plan<Step>> {
  /**
   * Reads the world, and changes nothing. A fact that cannot be known is a value of the Snapshot,
   * not a guess.
   */
  observe(desired: Desired, signal: AbortSignal): Promise<Snapshot>;
  /** Pure, synchronous, total, deterministic. */
  plan(desired: Desired, snapshot: Snapshot): Planned;
  /**
   * Has no choice left to make. Expected failures are Outcomes; anything thrown is a bug or an
   * abort and ends the run. `progress` reports a long step's state in a few words.
   */
  apply(step: Step, signal: AbortSignal, progress: (text: string) => void): Promise<Outcome>;
  /**
   * The planner's second half: the steps to take at once about an Outcome with a code, before
   * anything else is looked at, e.g. to write it down. If they change something the world is
   * observed again; if not, the Outcome stands. These steps are not reported. Absent: the planner
   * has no answers.
   */
  answer?(desired: Desired, snapshot: Snapshot, last: Done<Step>): readonly Step[];
  /** Names what a step brings about that people want the time of. Pure. Absent: nothing. */
  milestone?(step: Step): Milestone["kind"] | null;
  /** Pure. `doing` is the step under way, with its progress; null when the pass is over. */
  report(input: {
    desired: Desired;
    snapshot: Snapshot;
    plan: Planned;
    outcomes: readonly Outcome[];
    doing: { step: Step; progress: string } | null;
  }): Report;
}

/** Something was fetched, made or started on the way to what should be, however often. */
export interface Milestone {
  readonly kind: "fetched" | "made" | "started";
  /** The bytes that came over the network for it, as far as is known. */
  readonly bytes: number;
}

export interface ReconcileOptions<Report> {
  readonly signal: AbortSignal;
  /** Called with every new report, also while a step runs. */
  onReport?: (report: Report) => void;
  /** Called when it is so. */
  onMilestone?: (milestone: Milestone) => void;
}

/** A world that changes under every pass is looked at again later rather than chased for ever. */
const MAX_PASSES = 8;

/**
 * @returns the report of how things stand at the end. @throws what `observe` throws, or the
 * signal's reason.
 */
export async function reconcile<Desired, Snapshot, Step, Report, Planned extends Plan<Step>>(
  reconciler: Reconciler<Desired, Snapshot, Step, Report, Planned>,
  desired: Desired,
  { signal, onReport, onMilestone }: ReconcileOptions<Report>,
): Promise<Report> {
  for (let pass = 1; ; pass += 1) {
    signal.throwIfAborted();
    const snapshot = await reconciler.observe(desired, signal);
    const plan = reconciler.plan(desired, snapshot);
    const outcomes: Outcome[] = [];
    const publish = (doing: { step: Step; progress: string } | null): Report => {
      const report = reconciler.report({ desired, snapshot, plan, outcomes: [...outcomes], doing });
      onReport?.(report);
      return report;
    };
    for (const step of plan.steps) {
      signal.throwIfAborted();
      publish({ step, progress: "" });
      const outcome = await reconciler.apply(step, signal, (progress) => publish({ step, progress }));
      const milestone = outcome.kind === "changed" ? (reconciler.milestone?.(step) ?? null) : null;
      if (milestone !== null) onMilestone?.({ kind: milestone, bytes: outcome.bytes ?? 0 });
      const answered =
        outcome.code === undefined ? null : await answerTo(reconciler, { desired, snapshot, last: { step, outcome }, signal });
      outcomes.push(answered ?? outcome);
      if (answered !== null || isTrouble(outcome)) break;
    }
    const isChanged = outcomes.some(({ kind }) => kind === "changed");
    if (outcomes.some(isTrouble) || !isChanged || pass === MAX_PASSES) return publish(null);
  }
}

/**
 * Applies the planner's answer. Returns the Outcome that replaces the answered one; null: that one
 * stands.
 */
async function answerTo<Desired, Snapshot, Step>(
  { answer, apply }: Pick<Reconciler<Desired, Snapshot, Step, unknown>, "answer" | "apply">,
  { desired, snapshot, last, signal }: { desired: Desired; snapshot: Snapshot; last: Done<Step>; signal: AbortSignal },
): Promise<Outcome | null> {
  let isChanged = false;
  for (const step of answer?.(desired, snapshot, last) ?? []) {
    const outcome = await apply(step, signal, () => undefined);
    if (isTrouble(outcome)) return outcome;
    isChanged ||= outcome.kind === "changed";
  }
  // The step held nothing up: it is answered, and the plan goes on.
  return isChanged && isTrouble(last.outcome) ? { kind: "changed" } : null;
}

function isTrouble(outcome: Outcome): boolean {
  return "reason" in outcome;
}
