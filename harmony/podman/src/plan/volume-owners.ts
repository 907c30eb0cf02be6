// Whose the volumes on the device are. A volume outlives its deployment, and so may its name: one
// of another owner that gets the name never gets the volume. Podman cannot change a label, so the
// journal has the owners. What the containers of a deployment mount is its own, since another's
// containers are removed before it starts; what they do not mount belongs to whom the journal says.
// Where that says nothing, as of a volume that an earlier agent left, the name alone counts. Pure.

import { canonicalJson, lookUp } from "@harmony/schema";
import type { Seen, Wanted } from "./situation.ts";
import type { Stage } from "./stage.ts";
import { journal } from "./trial.ts";
import { volumeNames } from "../model/container-spec.ts";
import type { Container } from "../model/snapshot.ts";
import { scoreOfLabel } from "../score/score-label.ts";

export const recordVolumes: Stage<Wanted> = {
  name: "record-volumes",
  purpose: "the journal does not say whose the volumes of its containers are",
  plan(wanted) {
    const { deployment, owner, own, target, snapshot } = wanted;
    const { record } = snapshot;
    if (owner === null) return { stoodBack: "it is not known whose it is" };
    // A volume that nothing here mounts or wants was not looked for.
    const seen = new Set([...mountedBy(own), ...target.score.services.flatMap((service) => volumeNames(deployment, service))]);
    const kept = Object.entries(record.volumes ?? {}).filter(([volume]) => snapshot.volumes.includes(volume) || !seen.has(volume));
    const mounted = mountedBy(own).filter((volume) => snapshot.volumes.includes(volume));
    const volumes = { ...Object.fromEntries(kept), ...Object.fromEntries(mounted.map((volume) => [volume, owner])) };
    if (canonicalJson(volumes) === canonicalJson(record.volumes ?? {})) return { stoodBack: "the journal says whose its volumes are" };
    return [journal(deployment, { record: { ...record, volumes }, why: "whose its volumes are" })];
  },
};

/** Whose the volumes are that a deployment leaves when it is removed. */
export function volumeOwners({ owner, own, snapshot: { record, volumes } }: Seen): Record<string, string> {
  const mounted = mountedBy(own);
  return Object.fromEntries(
    volumes.flatMap((volume): [string, string][] => {
      const known = lookUp(record.volumes ?? {}, volume);
      const whose = known === undefined || mounted.includes(volume) ? (owner ?? known) : known;
      return whose === undefined ? [] : [[volume, whose]];
    }),
  );
}

function mountedBy(own: readonly Container[]): string[] {
  return own.flatMap(({ deployment, scoreString, imageVolumes }) => [
    ...(scoreOfLabel(scoreString)?.services ?? []).flatMap((service) => volumeNames(deployment, service)),
    ...imageVolumes,
  ]);
}
