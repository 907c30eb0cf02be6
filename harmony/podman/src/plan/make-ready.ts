// All that can be done for a change while what serves still runs: images pulled, the network, the volumes and the containers made.

import { needsNetwork, volumeNames } from "../model/container-spec.ts";
import { labelsOf } from "../model/application.ts";
import { imageReference, networkName } from "../model/names.ts";
import { provideInputs } from "./plan-inputs.ts";
import type { Role } from "./role.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { Target } from "../model/target.ts";

export function pullAll(changing: readonly Role[], snapshot: Snapshot): Step[] {
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
  readonly changing: readonly Role[];
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
      changing.map((role) => ({ ...role, madeWith: role.wanted === "neither" ? undefined : role[role.wanted]?.inputs })),
      snapshot,
    ),
    ...creating.map(({ service, spec, inputs, current, final, temporary }): Step => {
      const made = inputs.label === "" ? {} : { [keys.inputs]: inputs.label };
      const own = { [keys.service]: service.name, [keys.revision]: target.revision, [keys.score]: target.scoreString, ...made };
      const container = current === undefined ? final : temporary;
      return { kind: "create", service: service.name, container, image: service.image, spec, labels: { ...labels, ...own } };
    }),
  ];
}

export function discardNetworks(snapshot: Snapshot): Step[] {
  return snapshot.networks.map((network) => ({ kind: "removeNetwork", network }));
}
