// What a manifest changes: pure. The rule that nothing is removed by mistake lives here. A
// deployment goes only because a manifest was read and parsed and says so: by a mark with the uid
// of what is held. What is merely absent stays, whoever wrote the manifest, and is shown. An
// operator of 0.1 writes no marks. Under its manifests a name goes that is absent while its source
// is among those that have written: after a wipe of the bucket the first operator back has only its
// own entries, and what another source gave must stay.

import type { Workload } from "@harmony/core";
import { asDeploymentName, type DeploymentName, type Manifest, type ManifestEntry } from "@iot/contracts";
import { parseOrigin } from "./origin.ts";
import { removedBefore, type RemovedNames } from "./removed-before.ts";
import { type DeploymentRecord, isNotNamed } from "./state-store.ts";

export type Records = ReadonlyMap<DeploymentName, DeploymentRecord>;

export interface Taken {
  readonly records: Map<DeploymentName, DeploymentRecord>;
  /**
   * Names whose Score is to be read: not in hand, or perhaps not the one that the manifest names.
   */
  readonly fetch: readonly DeploymentName[];
  readonly remove: readonly DeploymentName[];
  /**
   * Names of which something else is to be said or done: they were being removed and are wanted
   * again, their entry differs, no manifest names them any more, or they are not to start.
   */
  readonly touch: readonly DeploymentName[];
  /** Records that are not named, and kept. */
  readonly kept: readonly { readonly name: DeploymentName; readonly source: string }[];
}

interface Options {
  readonly refetchScores: boolean;
  readonly removed: RemovedNames;
}

export function takeManifest(before: Records, manifest: Manifest, { refetchScores, removed }: Options): Taken {
  const records = new Map(before);
  const taken = {
    fetch: new Array<DeploymentName>(),
    remove: new Array<DeploymentName>(),
    touch: new Array<DeploymentName>(),
    kept: new Array<Taken["kept"][number]>(),
  };
  for (const [text, entry] of Object.entries(manifest.deployments)) {
    const name = asDeploymentName(text);
    const known = before.get(name);
    const passing = known === undefined ? "is-its-own" : passes(name, known, entry, manifest.removed);
    if (known !== undefined && passing !== "is-its-own") {
      // The one that has the name goes first; the manifest is taken again when nothing is left of
      // it.
      if (passing === "stays") {
        taken.kept.push({ name, source: known.entry.source });
        if (isNotNamed(known)) continue;
        records.set(name, { ...known, unnamed: true });
        taken.touch.push(name);
      } else if (!known.removing) {
        records.set(name, { ...known, removing: true });
        taken.remove.push(name);
      }
      continue;
    }
    const record = named(known, entry);
    records.set(name, record);
    const isBarred = manifest.removed !== undefined && removedBefore(removed, name, record) !== undefined;
    if (!isBarred && (refetchScores || !isSameVersion(known, entry))) taken.fetch.push(name);
    if (known === undefined ? isBarred : known.removing || isNotNamed(known) || !isSame(known.entry, entry)) taken.touch.push(name);
  }
  for (const [name, record] of before) {
    if (Object.hasOwn(manifest.deployments, name) || record.removing) continue;
    if (removedBefore(removed, name, record) !== undefined) {
      // Nothing of it is here.
      records.delete(name);
      taken.touch.push(name);
    } else if (isToGo(name, record, manifest)) {
      records.set(name, { ...record, removing: true });
      taken.remove.push(name);
    } else {
      taken.kept.push({ name, source: record.entry.source });
      if (isNotNamed(record)) continue;
      records.set(name, { ...record, unnamed: true });
      taken.touch.push(name);
    }
  }
  return { records, ...taken };
}

/**
 * Whether a name passes to a workload of another owner. That of another namespace gets it when the
 * first one goes: the manifest says so beside the entry; an operator of 0.1 says so by the entry
 * alone. Another source that names the same namespace and name takes the workload over, unless the
 * first one was removed before it came.
 */
function passes(
  name: DeploymentName,
  { entry: before, removing, was }: DeploymentRecord,
  after: ManifestEntry,
  marks: Manifest["removed"],
): "is-its-own" | "goes" | "stays" {
  if (before.namespace === "" || after.namespace === "") return "is-its-own";
  const isRemoved = marks !== undefined && isMarked(name, before, marks);
  if (before.namespace === after.namespace) {
    const isOfAnother = before.source !== after.source && before.uid !== after.uid && was === undefined;
    return isOfAnother && (removing || isRemoved) ? "goes" : "is-its-own";
  }
  return removing || marks === undefined || isRemoved ? "goes" : "stays";
}

function named(known: DeploymentRecord | undefined, entry: ManifestEntry): DeploymentRecord {
  const { unnamed: _, was: __, ...kept } = known ?? { score: null };
  return { ...kept, entry, removing: false };
}

/**
 * In a bucket that was wiped and filled again a revision may repeat with another Score; the
 * object's generation does not.
 */
function isSameVersion(known: DeploymentRecord | undefined, { revision, uid, generation }: ManifestEntry): boolean {
  return known?.score?.revision === revision && known.entry.uid === uid && known.entry.generation === generation;
}

function isSame(before: ManifestEntry, after: ManifestEntry): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}

function isToGo(name: DeploymentName, { entry, was }: DeploymentRecord, { sources, removed }: Manifest): boolean {
  // This manifest cannot remove what another device was sent.
  if (was !== undefined) return false;
  if (removed === undefined) return sources.includes(entry.source);
  return isMarked(name, entry, removed);
}

/**
 * A mark for another uid is of another object that had the name, and one for a lower generation of
 * what was asked for again since.
 */
function isMarked(name: DeploymentName, { uid, generation }: ManifestEntry, marks: NonNullable<Manifest["removed"]>): boolean {
  const mark = Object.hasOwn(marks, name) ? marks[name] : undefined;
  return uid !== "" && mark?.uid === uid && (mark.generation ?? generation) >= generation;
}

/**
 * Workloads on the Topology that neither the manifest nor the disk knows: the agent's memory was
 * lost. Nobody knows their uid, so no mark is theirs, and they are kept as what no manifest names.
 * What this agent has removed is removed again: a power cut may bring it back. Under a manifest of
 * 0.1 one goes whose source has written the manifest. One that does not name its source is nobody's
 * to remove but a person's.
 */
export function unlistedWorkloads(
  workloads: readonly Workload[],
  records: Records,
  { sources, removed: marks }: Manifest,
  removed: RemovedNames,
): {
  readonly remove: Map<DeploymentName, DeploymentRecord>;
  readonly keep: Map<DeploymentName, DeploymentRecord>;
  readonly unknown: readonly string[];
} {
  const remove = new Map<DeploymentName, DeploymentRecord>();
  const keep = new Map<DeploymentName, DeploymentRecord>();
  const unknown: string[] = [];
  for (const { name: text, revision, scoreString } of workloads) {
    const name = deploymentName(text);
    if (name !== null && records.has(name)) continue;
    const origin = parseOrigin(revision);
    if (name === null || origin === null) {
      unknown.push(text);
      continue;
    }
    const last = removed.find((one) => one.name === name);
    const { uid = "", generation = 0 } = last ?? {};
    const entry = { ...origin, generation, uid, namespace: "" };
    const record = { entry, score: { revision: origin.revision, scoreString }, removing: false };
    if (marks === undefined ? sources.includes(origin.source) : last !== undefined) remove.set(name, { ...record, removing: true });
    else if (marks !== undefined) keep.set(name, { ...record, unnamed: true });
  }
  return { remove, keep, unknown };
}

function deploymentName(text: string): DeploymentName | null {
  try {
    return asDeploymentName(text);
  } catch {
    return null;
  }
}
