// The steps from what the bucket has to what this source says. Pure, total, deterministic. Invariants: a Score is written before the
// manifest that names it, and taken away after the manifest that no longer does; nothing equal is written; no entry of another
// source is added, changed or removed; every write carries the revision that was observed; what was refused stays as it is.
// Who holds which name is compile.ts's; the writing is apply.ts's.

import type { Blocked, Plan } from "@harmony/core";
import {
  asDeploymentName,
  type DeploymentName,
  type DeviceId,
  emptyManifest,
  type Manifest,
  type ManifestEntry,
  scoreKeyParts,
} from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import { type Compiled, compile, entryOf, keptByRefusal, manifestOf, scoreOf } from "./compile.ts";
import { massRemoval, type MassRemoval } from "./mass-removal.ts";
import type { CompleteSnapshot, SourceDeployment } from "../sources/source.ts";

export interface PutScore {
  readonly kind: "put-score";
  readonly device: DeviceId;
  readonly deployment: DeploymentName;
  readonly scoreString: string;
  readonly expectedRevision: number;
}

export interface PutManifest {
  readonly kind: "put-manifest";
  readonly device: DeviceId;
  /** The entries named in `follows` get the revision that the put-score of the same name is given. */
  readonly manifest: Manifest;
  readonly follows: readonly DeploymentName[];
  readonly expectedRevision: number;
}

export interface RemoveScore {
  readonly kind: "remove-score";
  readonly device: DeviceId;
  readonly deployment: DeploymentName;
  readonly expectedRevision: number;
}

export type Step = PutScore | PutManifest | RemoveScore;

export interface PlanInput {
  readonly sourceId: string;
  readonly source: CompleteSnapshot;
  readonly desired: DesiredStateSnapshot;
  /** The devices that ever reported, and the source of each deployment that they say they have. */
  readonly reported: ReadonlyMap<DeviceId, ReadonlyMap<string, string>>;
  readonly mayRemove: (mass: MassRemoval) => boolean;
  /** Orphans (`key@revision`) that were seen for ABANDONED_AFTER_MS: what a process left that died between two writes. */
  readonly abandoned: ReadonlySet<string>;
}

export interface DesiredStatePlan extends Plan<Step> {
  readonly compiled: Compiled;
  /** `subject` is the uid of a Deployment. */
  readonly blocked: readonly Blocked[];
  /** Not null: these removals wait to be confirmed. */
  readonly massRemoval: MassRemoval | null;
  /** Scores that no manifest names, as `key@revision`: perhaps another operator is about to name it. */
  readonly orphans: readonly string[];
}

/** A Score that no manifest has named for this long is nobody's: a live operator names it within milliseconds. */
export const ABANDONED_AFTER_MS = 60_000;

/** One device: what it has, what it should have of this source, and what it would lose. */
interface Situation {
  readonly device: DeviceId;
  /** null: none, or none that parses. */
  readonly manifest: Manifest | null;
  /** Whether the manifest lists this source, so that the agent removes what is no longer in it. */
  readonly serves: boolean;
  readonly wanted: ReadonlyMap<DeploymentName, SourceDeployment>;
  readonly entries: number;
  readonly going: readonly DeploymentName[];
}

export function plan(input: PlanInput): DesiredStatePlan {
  const { sourceId, source, desired, mayRemove } = input;
  const compiled = compile(input);
  const situations = situationsOf(input, compiled);
  const removals = situations.flatMap(({ device, going }) => going.map((name) => ({ device, name })));
  const mass = massRemoval(
    removals,
    situations.reduce((sum, { entries }) => sum + entries, 0),
  );
  const held = mass !== null && !mayRemove(mass);
  const orphans = orphansOf(situations, desired);
  const deleting = new Set(source.deleting.map(({ name }) => name));
  const strays = orphans.filter(({ deployment, id }) => deleting.has(deployment) || input.abandoned.has(id));
  return {
    compiled,
    steps: [...situations.flatMap((situation) => deviceSteps(situation, input, held)), ...strays.map(({ step }) => step)],
    blocked: [...nameConflicts(sourceId, compiled), ...olderGenerations(situations, source)],
    massRemoval: held ? mass : null,
    orphans: orphans.map(({ id }) => id),
    recheckAfterMs: orphans.length === 0 ? null : ABANDONED_AFTER_MS,
  };
}

function situationsOf({ sourceId, source, desired, reported }: PlanInput, compiled: Compiled): Situation[] {
  const keeps = keptByRefusal(sourceId, source);
  const devices = new Set([...compiled.devices.keys(), ...reported.keys(), ...desired.manifests.keys()]);
  return [...devices].flatMap((device) => {
    const manifest = manifestOf(desired, device);
    const serves = manifest?.sources.includes(sourceId) === true;
    const wanted: Situation["wanted"] = compiled.devices.get(device) ?? new Map();
    // A device of other sources that has never reported is none of this one's business.
    if (wanted.size === 0 && !serves && !reported.has(device)) return [];
    const own = new Set<DeploymentName>();
    for (const [name, entry] of Object.entries(manifest?.deployments ?? {})) if (entry.source === sourceId) own.add(asDeploymentName(name));
    // Where the manifest does not list this source yet, its agent drops what it runs of it once it does.
    if (!serves) for (const [name, from] of reported.get(device) ?? []) if (from === sourceId) own.add(asDeploymentName(name));
    const kept = (name: DeploymentName): boolean => {
      const entry = entryOf(manifest, name);
      return wanted.has(name) || (entry !== undefined && (entry.source !== sourceId || keeps(name, entry)));
    };
    return [{ device, manifest, serves, wanted, entries: own.size, going: [...own].filter((name) => !kept(name)) }];
  });
}

function deviceSteps(situation: Situation, { sourceId, source, desired }: PlanInput, removalsHeld: boolean): Step[] {
  const { device, manifest, serves, wanted, going } = situation;
  const held = removalsHeld && going.length > 0;
  const base = manifest ?? emptyManifest();
  const deployments = new Map(Object.entries(base.deployments));
  const puts: PutScore[] = [];
  for (const [name, deployment] of wanted) {
    const entry = entryOf(manifest, name);
    // What is new waits with what would go, so that a new name for an old workload does not run both.
    if ((held && entry === undefined) || (entry !== undefined && isNewer(entry, deployment, source))) continue;
    const { revision, scoreString } = scoreOf(desired, device, name);
    if (scoreString !== deployment.scoreString) {
      puts.push({ kind: "put-score", device, deployment: name, scoreString: deployment.scoreString, expectedRevision: revision });
    } else if (entry !== undefined && isCurrent(entry, deployment, revision)) continue;
    deployments.set(name, entryFor(entry, deployment, { revision, sourceId }));
  }
  const leaving = held ? [] : going.filter((name) => deployments.delete(name));
  const listed = serves || held;
  if (listed && puts.length === 0 && leaving.length === 0 && sameEntries(base, deployments)) return [];

  const put: PutManifest = {
    kind: "put-manifest",
    device,
    manifest: { ...base, sources: listed ? base.sources : [...base.sources, sourceId], deployments: Object.fromEntries(deployments) },
    follows: puts.map(({ deployment }) => deployment),
    expectedRevision: desired.manifests.get(device)?.revision ?? 0,
  };
  const removes = leaving.flatMap((deployment): RemoveScore[] => {
    const { revision, scoreString } = scoreOf(desired, device, deployment);
    return scoreString === null ? [] : [{ kind: "remove-score", device, deployment, expectedRevision: revision }];
  });
  return [...puts, put, ...removes];
}

/** A reading that may come from a cache never takes an entry back to an earlier generation of the same object. */
function isNewer(entry: ManifestEntry, { uid, generation }: SourceDeployment, source: CompleteSnapshot): boolean {
  return source.authoritative !== true && entry.uid === uid && entry.generation > generation;
}

/** Of a git source the generation is the branch's: it alone is no change, or each push would wake every device. */
function isCurrent(entry: ManifestEntry, { uid, namespace, generation, commit }: SourceDeployment, revision: number): boolean {
  return (
    entry.revision === revision &&
    entry.uid === uid &&
    entry.namespace === namespace &&
    (commit !== undefined || entry.generation === generation)
  );
}

function entryFor(
  entry: ManifestEntry | undefined,
  deployment: SourceDeployment,
  at: { revision: number; sourceId: string },
): ManifestEntry {
  const { uid, generation, namespace, createdAt, commit } = deployment;
  // Fields that others set on it live as long as the object.
  const { commit: _, ...kept } = entry?.uid === uid ? entry : {};
  return {
    ...kept,
    revision: at.revision,
    generation,
    uid,
    source: at.sourceId,
    namespace,
    createdAt,
    ...(commit === undefined ? {} : { commit }),
  };
}

function sameEntries({ deployments }: Manifest, after: ReadonlyMap<string, ManifestEntry>): boolean {
  const before = Object.entries(deployments);
  return before.length === after.size && before.every(([name, entry]) => after.get(name) === entry);
}

/** Only on devices that this source serves; what this pass wants is about to be named. */
function orphansOf(
  situations: readonly Situation[],
  desired: DesiredStateSnapshot,
): { id: string; deployment: DeploymentName; step: RemoveScore }[] {
  const served = new Map(situations.filter(({ serves }) => serves).map((situation) => [situation.device, situation]));
  return [...desired.scores].flatMap(([key, { revision, scoreString }]) => {
    const parts = scoreKeyParts(key);
    const situation = parts === null ? undefined : served.get(parts.device);
    if (parts === null || situation === undefined || scoreString === null) return [];
    const { device, deployment } = parts;
    if (entryOf(situation.manifest, deployment) !== undefined || situation.wanted.has(deployment)) return [];
    return [{ id: `${key}@${revision}`, deployment, step: { kind: "remove-score", device, deployment, expectedRevision: revision } }];
  });
}

function nameConflicts(sourceId: string, { conflicts }: Compiled): Blocked[] {
  return [...conflicts].flatMap(([subject, of]) => {
    const [first] = of;
    if (first === undefined) return [];
    const { source, namespace, name } = first.holder;
    const owner = source === sourceId ? `${namespace}/${name}` : `${namespace}/${name} of ${source}`;
    const where = of.length === 1 ? first.device : `${first.device} and ${of.length - 1} more`;
    const message = `${owner} already has the name ${name} on ${where}: rename one of the two, or let each have devices of its own`;
    return [{ subject, reason: "NameConflict", message }];
  });
}

function olderGenerations(situations: readonly Situation[], source: CompleteSnapshot): Blocked[] {
  const found = new Map<string, Blocked>();
  for (const { manifest, wanted } of situations) {
    for (const [name, deployment] of wanted) {
      const entry = entryOf(manifest, name);
      if (entry === undefined || !isNewer(entry, deployment, source)) continue;
      const message =
        `${entry.generation} is the generation that the devices have of it, and ${deployment.generation} the one that was read, so it is left as it is; ` +
        `if the source was restored from an older copy, change it until its generation is higher`;
      found.set(deployment.uid, { subject: deployment.uid, reason: "OlderGeneration", message });
    }
  }
  return [...found.values()];
}
