// A stage is one decision of the planner, by name: a small pure function that gives steps, or says
// why there is nothing to do for it. The lists in planner.ts give the order of the stages.

import type { StageReport } from "@harmony/core";
import type { Step } from "../model/step.ts";

export interface Stage<Context> {
  /** Kebab-case; `explain --stages` prints it. */
  readonly name: string;
  /** The purpose, as a clause that continues the name. */
  readonly purpose: string;
  plan(context: Context): readonly Step[] | StoodBack;
}

export interface StoodBack {
  /** Why there is nothing to do: a clause for a person. */
  readonly stoodBack: string;
}

export interface Staged {
  readonly steps: readonly Step[];
  readonly stages: readonly StageReport[];
}

/** Asks stages until the first that has steps, and none after it. */
export function first<Context>(stages: readonly Stage<Context>[], context: Context): Staged {
  const asked: StageReport[] = [];
  for (const stage of stages) {
    const { steps, report } = ask(stage, context);
    asked.push(report);
    if (steps.length > 0) return { steps, stages: asked };
  }
  return { steps: [], stages: asked };
}

/** Asks all stages, and gives their steps in order. */
export function all<Context>(stages: readonly Stage<Context>[], context: Context): Staged {
  const asked = stages.map((stage) => ask(stage, context));
  return { steps: asked.flatMap(({ steps }) => steps), stages: asked.map(({ report }) => report) };
}

/** Stages that are not asked, and why. */
export function none(stages: readonly { readonly name: string }[], why: string): Staged {
  return { steps: [], stages: stages.map(({ name }) => ({ name, outcome: "stoodBack", why })) };
}

/** The steps, or the reason if there are none. */
export function stepsOr(steps: readonly Step[], stoodBack: string): readonly Step[] | StoodBack {
  return steps.length > 0 ? steps : { stoodBack };
}

function ask<Context>({ name, purpose, plan }: Stage<Context>, context: Context): { steps: readonly Step[]; report: StageReport } {
  const result = plan(context);
  return "stoodBack" in result
    ? { steps: [], report: { name, outcome: "stoodBack", why: result.stoodBack } }
    : { steps: result, report: { name, outcome: "acted", why: purpose } };
}
