// What a manifest changes: pure. The rule that nothing is removed by mistake lives here. A
// deployment goes only because a manifest was read and parsed, does not name it, and lists the
// deployment's source among those that have written: after a wipe of the bucket the first operator
// back has only its own entries, and what another source gave must stay.

import type { Workload } from "@harmony/core";
import { asDeploymentName, type DeploymentName, type Manifest } from "@iot/contracts";
import { parseOrigin } from "./origin.ts";
import type { DeploymentRecord } from "./state-store.ts";

export type Records = ReadonlyMap<DeploymentName, DeploymentRecord>;

export interface Taken {
  readonly records: Map<DeploymentName, DeploymentRecord>;
  /**
   * Names whose Score is to be read: not in hand, or perhaps not the one that the manifest names.
   */
  readonly fetch: readonly DeploymentName[];
  readonly remove: readonly DeploymentName[];
  /** Names that were being removed and are wanted again, or whose entry differs. */
  readonly touch: readonly DeploymentName[];
  /** Not named, and kept because their source has not written (again) yet. */
  readonly kept: readonly { readonly name: DeploymentName; readonly source: string }[];
}

export function takeManifest(before: Records, manifest: Manifest, options: { readonly refetchScores: boolean }): Taken {
  const records = new Map(before);
  const [fetch, remove, touch]: DeploymentName[][] = [[], [], []];
  for (const [text, entry] of Object.entries(manifest.deployments)) {
    const name = asDeploymentName(text);
    const known = before.get(name);
    const score = known?.score ?? null;
    records.set(name, { ...known, entry, score, removing: false });
    // In a bucket that was wiped and filled again a revision may repeat with another Score; the
    // object's generation does not.
    const isSameVersion =
      score?.revision === entry.revision && known?.entry.uid === entry.uid && known.entry.generation === entry.generation;
    if (options.refetchScores || !isSameVersion) fetch?.push(name);
    if (known !== undefined && (known.removing || JSON.stringify(known.entry) !== JSON.stringify(entry))) touch?.push(name);
  }
  const kept: { name: DeploymentName; source: string }[] = [];
  for (const [name, record] of before) {
    if (Object.hasOwn(manifest.deployments, name) || record.removing) continue;
    if (manifest.sources.includes(record.entry.source)) {
      records.set(name, { ...record, removing: true });
      remove?.push(name);
    } else kept.push({ name, source: record.entry.source });
  }
  return { records, fetch: fetch ?? [], remove: remove ?? [], touch: touch ?? [], kept };
}

/**
 * Workloads on the Topology that neither the manifest nor the disk knows, of a source that has
 * written the manifest: the deployment was taken away while the agent's memory was lost. One that
 * does not tell its source is nobody's to remove but a person's.
 */
export function orphans(
  workloads: readonly Workload[],
  records: Records,
  sources: readonly string[],
): { readonly remove: Map<DeploymentName, DeploymentRecord>; readonly unknown: readonly string[] } {
  const remove = new Map<DeploymentName, DeploymentRecord>();
  const unknown: string[] = [];
  for (const { name: text, revision, scoreString } of workloads) {
    const name = deploymentName(text);
    if (name !== null && records.has(name)) continue;
    const origin = parseOrigin(revision);
    if (name === null || origin === null) unknown.push(text);
    else if (sources.includes(origin.source)) {
      const entry = { ...origin, generation: 0, uid: "", namespace: "" };
      remove.set(name, { entry, score: { revision: origin.revision, scoreString }, removing: true });
    }
  }
  return { remove, unknown };
}

function deploymentName(text: string): DeploymentName | null {
  try {
    return asDeploymentName(text);
  } catch {
    return null;
  }
}
