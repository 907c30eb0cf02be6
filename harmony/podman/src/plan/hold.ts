// While a person holds a deployment, what there is of it is stopped and stays so, also over a power cut, and nothing else is done for it: no
// pull, no swap. When the hold ends is up to whoever set it; here it is only told. What it stopped is in the journal, since a stop of ours
// looks like one by hand, which some restart policies respect.

import type { Plan } from "@harmony/core";
import { isUp } from "../model/container-state.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import { stop } from "./swap.ts";

export function holdPlan(deployment: string, own: readonly Container[], { record, startList }: Snapshot): Plan<Step> {
  const up = own.filter(isUp).map(({ name }) => name);
  const held = [...new Set([...record.held, ...up])];
  const steps: Step[] = [
    ...(held.length === record.held.length
      ? []
      : [{ kind: "journal", deployment, record: { ...record, held }, why: "a person holds it" } as const]),
    ...(startList.length === 0 ? [] : [{ kind: "recordStart", deployment, containers: [] } as const]),
    ...own.flatMap(stop),
  ];
  return { steps, blocked: [], recheckAfterMs: null };
}
