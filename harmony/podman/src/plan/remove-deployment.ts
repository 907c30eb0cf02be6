// Removes a deployment that is no longer wanted, with all that was made for it, except its volumes.

import { canonicalJson } from "@harmony/schema";
import { discardNetworks } from "./make-ready.ts";
import { removeUnusedInputs, repairSecretStoreSteps } from "./plan-inputs.ts";
import type { Seen } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { volumeOwners } from "./volume-owners.ts";
import { discard } from "./swap.ts";
import type { Step } from "../model/step.ts";
import { NOTHING_RECORDED, withVolumesAlone } from "../model/swap-record.ts";

export const removeDeployment: Stage<Seen> = {
  name: "remove-deployment",
  purpose: "the deployment is not wanted any more",
  plan({ deployment, owner, own, snapshot }) {
    const left = withVolumesAlone(volumeOwners({ deployment, owner, own, snapshot }));
    const isRecorded = canonicalJson(left ?? NOTHING_RECORDED) === canonicalJson(snapshot.record);
    const steps: Step[] = [
      ...(snapshot.startList.length > 0 ? [{ kind: "recordStart", deployment, containers: [] } as const] : []),
      ...own.flatMap(discard),
      ...repairSecretStoreSteps(snapshot),
      ...removeUnusedInputs([], [], snapshot),
      ...discardNetworks(snapshot),
      ...(isRecorded ? [] : [{ kind: "journal", deployment, record: left, why: "it is removed" } as const]),
    ];
    return stepsOr(steps, "nothing is left of it but its volumes");
  },
};
