// From all Deployments of this source to what each device should have of it. Pure. Who holds a name
// on a device is decided here: the one that has it, as long as its entry stands (of another source,
// of an object that cannot be served, of one that is asked for, of one whose removal was not seen
// or is held); else the older Deployment. What has to be written for it is plan.ts's.

import { type DeploymentName, type DeviceId, type Manifest, type ManifestEntry, keys } from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import type { CompleteSnapshot, SourceDeployment } from "../sources/source.ts";
import type { RemovalsPlan } from "./removals/plan-removals.ts";

/** A Deployment that does not get its name on a device, and who has it there. */
export interface NameConflict {
  readonly device: DeviceId;
  readonly holder: { readonly source: string; readonly namespace: string; readonly name: string };
}

export interface Compiled {
  readonly devices: ReadonlyMap<DeviceId, ReadonlyMap<DeploymentName, SourceDeployment>>;
  /** By uid of the Deployment that is refused the name. */
  readonly conflicts: ReadonlyMap<string, readonly NameConflict[]>;
  /** By uid of a Deployment, the devices that do not take its namespace. */
  readonly notAllowed: ReadonlyMap<string, readonly DeviceId[]>;
}

export interface CompileInput {
  readonly sourceId: string;
  /** The ids under which this source has written. */
  readonly own: ReadonlySet<string>;
  /** Sources whose entries are taken over by what has the same namespace and name here. */
  readonly adopts: ReadonlySet<string>;
  readonly source: CompleteSnapshot;
  readonly desired: DesiredStateSnapshot;
  readonly verdicts: RemovalsPlan["verdicts"];
}

export function compile({ sourceId, own, adopts, source, desired, verdicts }: CompileInput): Compiled {
  const keeps = keptByRefusal(own, source);
  const isTaken = (deployment: SourceDeployment, device: DeviceId, entry: ManifestEntry): boolean => {
    const isOfItsName = entry.namespace === deployment.namespace;
    if (!own.has(entry.source)) return !(isOfItsName && adopts.has(entry.source));
    if (isOfItsName) return false;
    const verdict = verdicts.get(keys.score(device, deployment.name));
    // What a device took once stays until it is deleted, also where its namespace is not taken any
    // more.
    if (verdict === undefined && !isAllowed(source, device, entry.namespace)) return true;
    return keeps(deployment.name, entry) || (verdict !== undefined && verdict.kind !== "goes");
  };
  const devices = new Map<DeviceId, Map<DeploymentName, SourceDeployment>>();
  const conflicts = new Map<string, NameConflict[]>();
  const notAllowed = new Map<string, DeviceId[]>();
  const refuse = (loser: SourceDeployment, device: DeviceId, holder: NameConflict["holder"]): void => {
    const known = conflicts.get(loser.uid);
    if (known === undefined) conflicts.set(loser.uid, [{ device, holder }]);
    else known.push({ device, holder });
  };
  for (const deployment of source.deployments) {
    const { name, isClaimed } = deployment;
    if (isClaimed === false) continue;
    for (const device of deployment.targetDevices) {
      if (!isAllowed(source, device, deployment.namespace)) {
        const known = notAllowed.get(deployment.uid);
        if (known === undefined) notAllowed.set(deployment.uid, [device]);
        else known.push(device);
        continue;
      }
      const entry = entryOf(manifestOf(desired, device), name);
      if (entry !== undefined && isTaken(deployment, device, entry)) {
        refuse(deployment, device, { source: entry.source, namespace: entry.namespace, name });
        continue;
      }
      const claims = devices.get(device) ?? new Map<DeploymentName, SourceDeployment>();
      devices.set(device, claims);
      const rival = claims.get(name);
      const [keeper, loser] = rival === undefined ? [deployment] : older(deployment, rival, entry?.namespace);
      claims.set(name, keeper);
      if (loser !== undefined) refuse(loser, device, { source: sourceId, namespace: keeper.namespace, name });
    }
  }
  return { devices, conflicts, notAllowed };
}

function isAllowed({ allowed }: CompleteSnapshot, device: DeviceId, namespace: string): boolean {
  return allowed?.get(device)?.has(namespace) !== false;
}

/**
 * Whether an entry belongs to an object that was read but cannot be served, or not yet, and so
 * stays as it is.
 */
function keptByRefusal(own: ReadonlySet<string>, source: CompleteSnapshot): (name: string, entry: ManifestEntry) => boolean {
  const unserved = [...source.refused, ...source.deployments.filter(({ isClaimed }) => isClaimed === false)];
  const refused = new Set(unserved.map(({ namespace, name }) => `${namespace}/${name}`));
  return (name, entry) => own.has(entry.source) && refused.has(`${entry.namespace}/${name}`);
}

/** null: there is none, or none that parses. */
export function manifestOf(desired: DesiredStateSnapshot, device: DeviceId): Manifest | null {
  const manifest = desired.manifests.get(device)?.manifest;
  return manifest?.ok === true ? manifest.value : null;
}

/** Looks at the device's own entries alone: `constructor` is a DNS label too. */
export function entryOf(manifest: Manifest | null, name: string): ManifestEntry | undefined {
  return manifest !== null && Object.hasOwn(manifest.deployments, name) ? manifest.deployments[name] : undefined;
}

export function scoreOf(
  desired: DesiredStateSnapshot,
  device: DeviceId,
  name: DeploymentName,
): { revision: number; scoreString: string | null } {
  return desired.scores.get(keys.score(device, name)) ?? { revision: 0, scoreString: null };
}

/**
 * The one that has the name now, else the older; of two of one age (a git repository has none)
 * the first by uid.
 */
function older(a: SourceDeployment, b: SourceDeployment, holder: string | undefined): [SourceDeployment, SourceDeployment] {
  if (a.namespace === holder) return [a, b];
  if (b.namespace === holder) return [b, a];
  const ageMs = Date.parse(a.createdAt) - Date.parse(b.createdAt);
  if (ageMs !== 0 && !Number.isNaN(ageMs)) return ageMs < 0 ? [a, b] : [b, a];
  return a.uid < b.uid ? [a, b] : [b, a];
}
