// Finds the volumes that a service names and that are not its deployment's to mount. Pure; whose a
// volume is, volume-owners.ts writes down.

import type { Blocked } from "../model/reason.ts";
import { lookUp } from "@harmony/schema";
import { volumeNames } from "../model/container-spec.ts";
import { imageVolumesOf } from "../model/names.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { Service } from "../score/service.ts";

/** Volumes that a service names and that another owner's deployment of this name left. */
export function volumesOfOthers(
  service: Service,
  { deployment, owner }: { readonly deployment: string; readonly owner: string | null },
  { record, volumes, application: { program } }: Snapshot,
): Blocked[] {
  // Which paths an image declares is not known before it is here; what the journal knows of them
  // is.
  const ofImage = Object.keys(record.volumes ?? {}).filter((volume) => volume.startsWith(imageVolumesOf(deployment, service.name)));
  return [...new Set([...volumeNames(deployment, service), ...ofImage])].flatMap((volume): Blocked[] => {
    const whose = lookUp(record.volumes ?? {}, volume);
    if (owner === null || whose === undefined || whose === owner || !volumes.includes(volume)) return [];
    const message =
      `volume "${volume}" of service "${service.name}" has the data of another deployment "${deployment}", of ${whose}, and this one is of ${owner}: ` +
      `give the volume or the deployment another name, or remove that data with \`${program} podman volume rm ${volume}\``;
    return [{ subject: service.name, reason: "VolumeOfAnother", message }];
  });
}
