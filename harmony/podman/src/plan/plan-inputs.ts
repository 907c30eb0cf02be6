// Plans the steps that give a container what the device adds to it (inputs.ts), before it is made,
// and that remove what no container has any more. A container's label lists what it was made with,
// so the container to go back to keeps its own.

import type { Seen } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { type Inputs, namesIn } from "../model/inputs.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";

interface Needing {
  readonly service: { readonly name: string };
  readonly inputs: Inputs;
}

/**
 * Comes before the stages that use secrets, so that lost ones are seen to be missing and handed
 * over again.
 */
export const repairSecretStore: Stage<Seen> = {
  name: "repair-secret-store",
  purpose: "Podman's store of secrets is damaged",
  plan: ({ snapshot }) =>
    stepsOr(repairSecretStoreSteps(snapshot), "Podman's store of secrets is in order, or is not the agent's to repair"),
};

export function repairSecretStoreSteps({ secretStore }: Snapshot): Step[] {
  if (secretStore.kind !== "damaged" || !secretStore.isMendable) return [];
  const { folder, detail } = secretStore;
  return [{ kind: "repairSecretStore", folder, detail }];
}

/**
 * Plans for what is missing. `madeWith`: the label of an existing container, which needs what it
 * was made with. Without a label the container is yet to be made: it needs all inputs, or none if
 * its service lacks something of the device.
 */
export function provideInputs(needing: readonly (Needing & { readonly madeWith?: string | undefined })[], snapshot: Snapshot): Step[] {
  const steps = new Map<string, Step>();
  const standing = { mounts: new Set(snapshot.host.mounts), secrets: new Set(snapshot.secrets) };
  for (const { service, inputs, madeWith } of needing) {
    const { mounts, secretEnv, missing } = inputs;
    const named = madeWith === undefined ? null : namesIn(madeWith);
    const isNeeded = (name: string): boolean => named?.has(name) ?? missing.length === 0;
    if (mounts !== null && isNeeded(mounts.folder) && !standing.mounts.has(mounts.folder)) {
      steps.set(mounts.folder, { kind: "writeMounts", service: service.name, ...mounts });
    }
    for (const { podmanName, name, digest } of Object.values(secretEnv)) {
      if (!isNeeded(podmanName) || snapshot.secrets === null || standing.secrets.has(podmanName)) continue;
      steps.set(podmanName, { kind: "createSecret", service: service.name, secret: podmanName, name, digest });
    }
  }
  return [...steps.values()];
}

export function removeUnusedInputs(own: readonly Container[], needing: readonly Needing[], snapshot: Snapshot): Step[] {
  const labels = [
    ...own.map(({ inputs }) => inputs),
    ...needing.flatMap(({ inputs }) => (inputs.missing.length > 0 ? [] : [inputs.label])),
  ];
  const used = new Set(labels.flatMap((label) => [...namesIn(label)]));
  const isUnused = (name: string): boolean => !used.has(name);
  return [
    ...(snapshot.secrets ?? []).filter(isUnused).map((secret): Step => ({ kind: "removeSecret", secret })),
    ...snapshot.host.mounts.filter(isUnused).map((folder): Step => ({ kind: "removeMounts", folder })),
  ];
}
