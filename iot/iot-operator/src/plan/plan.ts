// The steps from what the bucket has to what this source says. Pure, total, deterministic.
// Invariants: nothing goes that the record of removals does not say first; a Score is written
// before the manifest that names it, and taken away after the manifest that no longer does; nothing
// equal is written; no entry of another source is added, changed or removed; every write carries
// the revision that was observed; what was refused stays as it is. What may go is removals/'s, who
// holds which name compile.ts's; the writing is apply.ts's.

import type { Plan } from "@harmony/core";
import { asDeploymentName, type DeploymentName, type DeviceId, type ManifestEntry, scoreKeyParts } from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import type { CompleteSnapshot, OwnerStep, SourceDeployment } from "../sources/source.ts";
import { type Compiled, compile, entryOf, manifestOf } from "./compile.ts";
import { deviceSteps, type Reported, type Situation } from "./device-steps.ts";
import { isNewer } from "./entry.ts";
import type { ManifestedEntry } from "./removals/classify.ts";
import { planRemovals, type RemovalsPlan } from "./removals/plan-removals.ts";
import { keyOf, type RemovalRecord } from "./removals/record.ts";
import { heldObjectText } from "./removals/words.ts";
import type { PutRecord, RemoveScore, Step } from "./steps.ts";
import type { Blocked } from "../sources/reasons.ts";

export interface PlanInput {
  readonly sourceId: string;
  /** Ids under which earlier versions wrote for this source. */
  readonly formerIds?: readonly string[];
  /** Sources whose entries this one takes over, name by name. */
  readonly adopts: ReadonlySet<string>;
  readonly source: CompleteSnapshot;
  readonly desired: DesiredStateSnapshot;
  /** What each device that ever reported says that it has. */
  readonly reported: ReadonlyMap<DeviceId, Reported>;
  readonly removals: {
    readonly record: RemovalRecord;
    readonly revision: number;
    /** By the server's clock. */
    readonly nowMs: number;
  };
  /** Why an object could not be claimed, by uid. */
  readonly unclaimed: ReadonlyMap<string, string>;
  /**
   * Orphans (`key@revision`) that were seen for ABANDONED_AFTER_MS: what a process left that died
   * between two writes.
   */
  readonly abandoned: ReadonlySet<string>;
  /**
   * The store takes no more. A Score for a device without a manifest then counts as an orphan too:
   * it was written by whoever found no room for the manifest.
   */
  readonly isStoreFull?: boolean;
}

export interface DesiredStatePlan extends Plan<Step> {
  readonly compiled: Compiled;
  /** `subject` is the uid of a Deployment. */
  readonly blocked: readonly Blocked[];
  readonly removals: RemovalsPlan;
  /**
   * Scores that no manifest names, as `key@revision`: perhaps another operator is about to name it.
   */
  readonly orphans: readonly string[];
}

/**
 * A Score that no manifest has named for this long is nobody's: a live operator names it within
 * milliseconds.
 */
export const ABANDONED_AFTER_MS = 60_000;

export function plan(input: PlanInput): DesiredStatePlan {
  const { sourceId, source, desired } = input;
  const own = new Set([sourceId, ...(input.formerIds ?? [])]);
  const entries = entriesOf(own, desired);
  const { record, revision, nowMs } = input.removals;
  const removals = planRemovals({ source, entries, record, nowMs });
  const compiled = compile({ ...input, own, verdicts: removals.verdicts });
  const situations = situationsOf(input, compiled, removals);
  const orphans = orphansOf(situations, compiled, input);
  const deleting = new Set(source.deleting.map(({ name }) => name));
  const strays = orphans.filter(({ deployment, id }) => deleting.has(deployment) || input.abandoned.has(id));
  const putRecord: PutRecord[] = removals.isRecordChanged
    ? [{ kind: "put-record", record: removals.record, expectedRevision: revision }]
    : [];
  const againMs = [removals.recheckAfterMs, orphans.length === 0 ? null : ABANDONED_AFTER_MS].filter((ms) => ms !== null);
  return {
    compiled,
    removals,
    steps: [
      ...putRecord,
      ...situations.flatMap((situation) => deviceSteps(situation, input)),
      ...strays.map(({ step }) => step),
      ...ownerSteps(input, { entries, removals }, new Set(orphans.map(({ deployment }) => deployment))),
    ],
    blocked: [
      ...unclaimedDeployments(input),
      ...nameConflicts(sourceId, compiled),
      ...notAllowed(source, compiled),
      ...olderGenerations(situations, source),
      ...heldRemovals(removals),
    ],
    orphans: orphans.map(({ id }) => id),
    recheckAfterMs: againMs.length === 0 ? null : Math.min(...againMs),
  };
}

/** All that the manifests have of this source. */
function entriesOf(own: ReadonlySet<string>, desired: DesiredStateSnapshot): ManifestedEntry[] {
  return [...desired.manifests].flatMap(([device, { manifest }]) =>
    manifest.ok
      ? Object.entries(manifest.value.deployments).flatMap(([name, { source, namespace, uid, generation }]) =>
          own.has(source) ? [{ device, name: asDeploymentName(name), namespace, uid, generation }] : [],
        )
      : [],
  );
}

function situationsOf({ sourceId, desired }: PlanInput, compiled: Compiled, { verdicts }: RemovalsPlan): Situation[] {
  const byDevice = Map.groupBy([...verdicts], ([key]) => key.slice(0, key.indexOf(".")));
  const devices = new Set([...compiled.devices.keys(), ...desired.manifests.keys()]);
  return [...devices].flatMap((device): Situation[] => {
    const manifest = manifestOf(desired, device);
    const serves = manifest?.sources.includes(sourceId) === true;
    const wanted: Situation["wanted"] = compiled.devices.get(device) ?? new Map();
    // A device of other sources is none of this one's business.
    if (wanted.size === 0 && !serves) return [];
    const leaving = (byDevice.get(device) ?? []).map(([key, verdict]) => ({
      name: asDeploymentName(key.slice(key.indexOf(".") + 1)),
      verdict,
    }));
    return [{ device, manifest, serves, wanted, leaving }];
  });
}

/**
 * An object is claimed before it is served, and released when nothing of it is left that could
 * still go.
 */
function ownerSteps(
  { source }: PlanInput,
  { entries, removals }: { readonly entries: readonly ManifestedEntry[]; readonly removals: RemovalsPlan },
  orphaned: ReadonlySet<string>,
): OwnerStep[] {
  const standing = new Set(entries.filter((entry) => removals.verdicts.get(keyOf(entry))?.kind !== "lost").map(({ uid }) => uid));
  const claims = source.deployments.filter(({ isClaimed }) => isClaimed === false);
  const releases = source.deleting.filter(({ isClaimed, uid, name }) => isClaimed === true && !standing.has(uid) && !orphaned.has(name));
  const asStep =
    (kind: OwnerStep["kind"]) =>
    ({ uid, namespace, name }: OwnerStep["object"]): OwnerStep => ({ kind, object: { uid, namespace, name } });
  return [...claims.map(asStep("claim")), ...releases.map(asStep("release"))];
}

/** Only on devices that this source serves; what this pass wants is about to be named. */
function orphansOf(
  situations: readonly Situation[],
  compiled: Compiled,
  { desired, isStoreFull = false }: Pick<PlanInput, "desired" | "isStoreFull">,
): { id: string; deployment: DeploymentName; step: RemoveScore }[] {
  const served = new Map(situations.filter(({ serves }) => serves).map((situation) => [situation.device, situation]));
  return [...desired.scores].flatMap(([key, { revision, scoreString }]) => {
    const parts = scoreKeyParts(key);
    if (parts === null || scoreString === null) return [];
    const { device, deployment } = parts;
    const situation = served.get(device);
    const isCounted = situation !== undefined || (isStoreFull && !desired.manifests.has(device));
    const isWanted = compiled.devices.get(device)?.has(deployment) === true;
    if (!isCounted || isWanted || (situation !== undefined && entryOf(situation.manifest, deployment) !== undefined)) return [];
    return [{ id: `${key}@${revision}`, deployment, step: { kind: "remove-score", device, deployment, expectedRevision: revision } }];
  });
}

function unclaimedDeployments({ source, unclaimed }: PlanInput): Blocked[] {
  return source.deployments.flatMap(({ uid, isClaimed }) => {
    const why = unclaimed.get(uid);
    return isClaimed !== false || why === undefined ? [] : [{ subject: uid, reason: "FinalizerMissing", message: why }];
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

function notAllowed({ deployments }: CompleteSnapshot, compiled: Compiled): Blocked[] {
  if (compiled.notAllowed.size === 0) return [];
  return deployments.flatMap(({ uid, namespace }): Blocked[] => {
    const devices = compiled.notAllowed.get(uid);
    const [first] = devices ?? [];
    if (devices === undefined || first === undefined) return [];
    const where = devices.length === 1 ? `${first} does` : `${first} and ${devices.length - 1} more do`;
    const message =
      `${where} not take Deployments of the namespace ${namespace}, and keep what they have of it: ` +
      "add it to spec.allowedNamespaces of the Device, or take the device out of spec.targetDevices";
    return [
      {
        subject: uid,
        reason: "DeviceNotAllowed",
        message: devices.length === 1 ? message.replace("keep what they have", "keeps what it has") : message,
      },
    ];
  });
}

function olderGenerations(situations: readonly Situation[], source: CompleteSnapshot): Blocked[] {
  const found = new Map<string, Blocked>();
  for (const { manifest, wanted } of situations) {
    for (const [name, deployment] of wanted) {
      const entry = entryOf(manifest, name);
      if (entry === undefined || !isNewer(entry, deployment, source)) continue;
      found.set(deployment.uid, { subject: deployment.uid, reason: "OlderGeneration", message: olderGeneration(entry, deployment) });
    }
  }
  return [...found.values()];
}

function olderGeneration(entry: ManifestEntry, { generation }: SourceDeployment): string {
  return (
    `${entry.generation} is the generation that the devices have of it, and ${generation} the one that was read, so it is left as it is; ` +
    `if the source was restored from an older copy, change it until its generation is higher`
  );
}

/** Whoever deleted or changed the object reads it there. */
function heldRemovals({ record: { held } }: RemovalsPlan): Blocked[] {
  return [...Map.groupBy(held, ({ uid }) => uid)].map(([subject, of]) => ({
    subject,
    reason: "RemovalHeld",
    message: heldObjectText(of, held),
  }));
}
