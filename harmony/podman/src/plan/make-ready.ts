// Plans everything for a change that can be done while the old containers still run: images pulled,
// the network, the volumes and the containers made.

import { needsNetwork, volumeNames } from "../model/container-spec.ts";
import { labelsOf } from "../model/application.ts";
import { imageReference, networkName } from "../model/names.ts";
import { provideInputs } from "./plan-inputs.ts";
import type { Slot } from "./slot.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { Target } from "../model/target.ts";

export function pullAll(changing: readonly Slot[], snapshot: Snapshot): Step[] {
  const pulls = new Map<string, Step>();
  for (const { service, wanted } of changing) {
    const { image, pull: policy } = service;
    const reference = imageReference(image);
    if (wanted === "neither" && (policy === "newer" || (policy === "missing" && snapshot.images[reference] === null))) {
      pulls.set(reference, { kind: "pull", service: service.name, image, reference, policy });
    }
  }
  return [...pulls.values()];
}

export function createAll(options: {
  readonly deployment: string;
  readonly target: Target;
  readonly snapshot: Snapshot;
  readonly changing: readonly Slot[];
}): Step[] {
  const { deployment, target, snapshot, changing } = options;
  const keys = labelsOf(snapshot.application);
  const labels = { [keys.deployment]: deployment };
  const creating = changing.filter(({ wanted }) => wanted === "neither");
  const network = networkName(deployment);
  const isNetworkMissing = needsNetwork(target.score) && !snapshot.networks.includes(network);
  const volumes = new Set(creating.flatMap(({ service }) => volumeNames(deployment, service)));
  return [
    ...(isNetworkMissing ? [{ kind: "createNetwork", network, labels } as const] : []),
    ...[...volumes]
      .filter((volume) => !snapshot.volumes.includes(volume))
      .map((volume) => ({ kind: "createVolume", volume, labels }) as const),
    ...provideInputs(
      changing.map((slot) => ({ ...slot, madeWith: slot.wanted === "neither" ? undefined : slot[slot.wanted]?.inputs })),
      snapshot,
    ),
    ...creating.map(({ service, spec, inputs, current, names }): Step => {
      const made = inputs.label === "" ? {} : { [keys.inputs]: inputs.label };
      const own = { [keys.service]: service.name, [keys.revision]: target.revision, [keys.score]: target.scoreString, ...made };
      const container = current === undefined ? names.current : names.next;
      return { kind: "create", service: service.name, container, image: service.image, spec, labels: { ...labels, ...own } };
    }),
  ];
}

export function discardNetworks(snapshot: Snapshot): Step[] {
  return snapshot.networks.map((network) => ({ kind: "removeNetwork", network }));
}
