// The writes for one device: Scores, then the manifest that names them, with a mark for what leaves
// it, then the Scores that are left. Pure.

import { type DeploymentName, type DeviceId, emptyManifest, type Manifest, type ManifestEntry, type RemovalMark } from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import type { CompleteSnapshot, SourceDeployment } from "../sources/source.ts";
import { entryOf, scoreOf } from "./compile.ts";
import { entryFor, isCurrent, isNewer } from "./entry.ts";
import type { Verdict } from "./removals/plan-removals.ts";
import type { DeviceStep, PutManifest, PutScore, RemoveScore } from "./steps.ts";

/** What a device says that it has. */
export interface Reported {
  /** The revision of the manifest that it went by. */
  readonly manifestRevision: number | null;
  readonly deployments: ReadonlySet<string>;
}

/**
 * One device: what it has, what it should have of this source, and what the source no longer asks
 * for.
 */
export interface Situation {
  readonly device: DeviceId;
  /** null: none, or none that parses. */
  readonly manifest: Manifest | null;
  /** Whether the manifest lists this source. */
  readonly serves: boolean;
  readonly wanted: ReadonlyMap<DeploymentName, SourceDeployment>;
  readonly leaving: readonly { readonly name: DeploymentName; readonly verdict: Verdict }[];
}

interface Around {
  readonly sourceId: string;
  readonly source: CompleteSnapshot;
  readonly desired: DesiredStateSnapshot;
  readonly reported: ReadonlyMap<DeviceId, Reported>;
  readonly removals: { readonly nowMs: number };
}

export function deviceSteps(situation: Situation, around: Around): DeviceStep[] {
  const { device, manifest, serves } = situation;
  const { sourceId, desired } = around;
  const base = manifest ?? emptyManifest();
  const { deployments, puts } = wantedEntries(situation, around, base);
  const going = situation.leaving.flatMap(({ name, verdict }) =>
    verdict.kind === "goes" && !situation.wanted.has(name) ? [{ name, verdict }] : [],
  );
  const leaving = going.filter(({ name }) => deployments.delete(name));
  const passing = situation.leaving.flatMap(({ name, verdict }) =>
    verdict.kind === "goes" && deployments.get(name)?.namespace !== entryOf(base, name)?.namespace && deployments.has(name)
      ? [{ name, verdict }]
      : [],
  );
  const removed = marksAfter(situation, around, { base, deployments, leaving: [...leaving, ...passing] });
  const isSame = puts.length === 0 && leaving.length === 0 && sameEntries(base, deployments) && sameMarks(base, removed);
  if (serves && isSame) return [];

  const put: PutManifest = {
    kind: "put-manifest",
    device,
    manifest: {
      ...base,
      sources: serves ? base.sources : [...base.sources, sourceId],
      deployments: Object.fromEntries(deployments),
      removed: Object.fromEntries(removed),
    },
    follows: puts.map(({ deployment }) => deployment),
    expectedRevision: desired.manifests.get(device)?.revision ?? 0,
  };
  const removes = leaving.flatMap(({ name: deployment }): RemoveScore[] => {
    const { revision, scoreString } = scoreOf(desired, device, deployment);
    return scoreString === null ? [] : [{ kind: "remove-score", device, deployment, expectedRevision: revision }];
  });
  return [...puts, put, ...removes];
}

function wantedEntries(
  { device, manifest, wanted, leaving }: Situation,
  { sourceId, source, desired, removals: { nowMs } }: Around,
  base: Manifest,
): { deployments: Map<string, ManifestEntry>; puts: PutScore[] } {
  const isWaiting = leaving.some(({ verdict }) => verdict.kind === "held" || verdict.kind === "waits");
  const deployments = new Map(Object.entries(base.deployments));
  const puts: PutScore[] = [];
  for (const [name, deployment] of wanted) {
    const entry = entryOf(manifest, name);
    // What is new waits with what would go, so that a new name for an old workload does not run
    // both.
    if ((isWaiting && entry === undefined) || (entry !== undefined && isNewer(entry, deployment, source))) continue;
    const { revision, scoreString } = scoreOf(desired, device, name);
    if (scoreString !== deployment.scoreString) {
      puts.push({ kind: "put-score", device, deployment: name, scoreString: deployment.scoreString, expectedRevision: revision });
    } else if (entry !== undefined && isCurrent(entry, deployment, { revision, sourceId })) continue;
    deployments.set(name, entryFor(entry, deployment, { revision, sourceId, nowMs }));
  }
  return { deployments, puts };
}

/**
 * The marks of what leaves, and of what the device has still. Beside an entry stands only the mark
 * of another namespace's or another source's, which had the name.
 */
function marksAfter(
  { device }: Situation,
  { sourceId, desired, reported, removals: { nowMs } }: Around,
  {
    base,
    deployments,
    leaving,
  }: {
    base: Manifest;
    deployments: ReadonlyMap<string, ManifestEntry>;
    leaving: readonly { name: DeploymentName; verdict: Verdict & { kind: "goes" } }[];
  },
): Map<string, RemovalMark> {
  const marks = new Map(Object.entries(base.removed ?? {}));
  const said = reported.get(device);
  const revision = desired.manifests.get(device)?.revision;
  for (const [name, mark] of marks) {
    const entry = deployments.get(name);
    const isSaid = said !== undefined && said.manifestRevision === revision;
    // A device says a revision when what it is to remove by it stands on its disk.
    const isOver = entry === undefined ? isSaid && !said.deployments.has(name) : isSaid || isOfOwner(mark, entry);
    if (isOver) marks.delete(name);
  }
  for (const { name, verdict } of leaving) {
    const entry = entryOf(base, name);
    if (entry === undefined) continue;
    const { uid, namespace, generation } = entry;
    marks.set(name, {
      uid,
      namespace,
      source: sourceId,
      generation,
      at: new Date(nowMs).toISOString(),
      why: verdict.why,
    });
  }
  return marks;
}

/** The same workload, as another object: it goes on, and what was removed of it is not any more. */
function isOfOwner({ namespace, source }: RemovalMark, entry: ManifestEntry): boolean {
  return (namespace ?? entry.namespace) === entry.namespace && (source ?? entry.source) === entry.source;
}

function sameEntries({ deployments }: Manifest, after: ReadonlyMap<string, ManifestEntry>): boolean {
  const before = Object.entries(deployments);
  return before.length === after.size && before.every(([name, entry]) => after.get(name) === entry);
}

/** A manifest of 0.1 that is right in all else is not written for the sake of the field. */
function sameMarks({ removed = {} }: Manifest, after: ReadonlyMap<string, RemovalMark>): boolean {
  const before = Object.entries(removed);
  return before.length === after.size && before.every(([name, mark]) => after.get(name) === mark);
}
