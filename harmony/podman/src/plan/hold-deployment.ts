// Keeps a deployment stopped while a person holds it, also over a power cut. Nothing else is done
// for it: no pull, no swap. The part that set the hold decides when it ends. The journal has the
// containers that the hold stopped, since a stop of ours looks like one by hand, which some restart
// policies respect.

import type { Seen } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { stop } from "./swap.ts";
import { isUp } from "../model/container-state.ts";
import type { Step } from "../model/step.ts";

export const holdDeployment: Stage<Seen> = {
  name: "hold-deployment",
  purpose: "a person holds the deployment, so what runs is stopped",
  plan({ deployment, own, snapshot: { record, startList } }) {
    const up = own.filter(isUp).map(({ name }) => name);
    const held = [...new Set([...record.held, ...up])];
    const steps: Step[] = [
      ...(held.length === record.held.length
        ? []
        : [{ kind: "journal", deployment, record: { ...record, held }, why: "a person holds it" } as const]),
      ...(startList.length === 0 ? [] : [{ kind: "recordStart", deployment, containers: [] } as const]),
      ...own.flatMap(stop),
    ];
    return stepsOr(steps, "a person holds the deployment, and all of it is down");
  },
};
