// Removes a deployment that is no longer wanted, with all that was made for it, except its volumes.

import { discardNetworks } from "./make-ready.ts";
import { removeUnusedInputs, repairSecretStoreSteps } from "./plan-inputs.ts";
import type { Seen } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { discard } from "./swap.ts";
import type { Step } from "../model/step.ts";
import { isNothing } from "../model/swap-record.ts";

export const removeDeployment: Stage<Seen> = {
  name: "remove-deployment",
  purpose: "the deployment is not wanted any more",
  plan({ deployment, own, snapshot }) {
    const steps: Step[] = [
      ...(snapshot.startList.length > 0 ? [{ kind: "recordStart", deployment, containers: [] } as const] : []),
      ...own.flatMap(discard),
      ...repairSecretStoreSteps(snapshot),
      ...removeUnusedInputs([], [], snapshot),
      ...discardNetworks(snapshot),
      ...(isNothing(snapshot.record) ? [] : [{ kind: "journal", deployment, record: null, why: "it is removed" } as const]),
    ];
    return stepsOr(steps, "nothing is left of it but its volumes");
  },
};
