// The bucket of desired state and the record of removals in memory, as the planner's tests need
// them: sequences, delete markers and compare-and-set as JetStream has them. The adapters are
// tested against the real server, in @iot/messaging. And sources of such a bucket.

import type { Parsed } from "@harmony/core";
import { asDeploymentName, asDeviceId, type DeploymentName, type DeviceId, type Manifest } from "@iot/contracts";
import type { DesiredStateSnapshot, WriteResult } from "@iot/messaging";
import { withRevisions } from "../src/apply/apply.ts";
import { type DesiredStatePlan, plan, type PlanInput } from "../src/plan/plan.ts";
import { EMPTY_RECORD, type RemovalRecord } from "../src/plan/removals/record.ts";
import { type DeviceStep, isDeviceStep, type Step } from "../src/plan/steps.ts";
import type { CompleteSnapshot, GitEvidence, SourceDeployment } from "../src/sources/source.ts";

export class ModelBucket {
  #sequence = 0;
  readonly #manifests = new Map<DeviceId, { revision: number; manifest: Parsed<Manifest> }>();
  readonly #scores = new Map<string, { revision: number; scoreString: string | null }>();
  #record: { revision: number; record: RemovalRecord } = { revision: 0, record: EMPTY_RECORD };

  /** Puts back what there is now. */
  copy(): () => void {
    const [sequence, manifests, scores, record] = [this.#sequence, [...this.#manifests], [...this.#scores], this.#record];
    return () => {
      this.#sequence = sequence;
      this.#manifests.clear();
      this.#scores.clear();
      for (const [device, entry] of manifests) this.#manifests.set(device, entry);
      for (const [key, entry] of scores) this.#scores.set(key, entry);
      this.#record = record;
    };
  }

  get record(): RemovalRecord {
    return this.#record.record;
  }

  get recordRevision(): number {
    return this.#record.revision;
  }

  putRecord(record: RemovalRecord, expectedRevision: number): WriteResult {
    const revision = this.#record.revision + 1;
    if (expectedRevision !== revision - 1) return { ok: false, reason: "Conflict" };
    this.#record = { revision, record };
    return { ok: true, revision };
  }

  snapshot(): DesiredStateSnapshot {
    return { manifests: new Map(this.#manifests), scores: new Map(this.#scores), foreignKeys: [] };
  }

  putManifest(device: DeviceId, manifest: Manifest, expectedRevision: number): WriteResult {
    return this.#write(this.#manifests.get(device)?.revision, expectedRevision, (revision) =>
      this.#manifests.set(device, { revision, manifest: { ok: true, value: manifest } }),
    );
  }

  putScore(key: string, scoreString: string | null, expectedRevision: number): WriteResult {
    return this.#write(this.#scores.get(key)?.revision, expectedRevision, (revision) => this.#scores.set(key, { revision, scoreString }));
  }

  /** Bytes that are no manifest. */
  spoilManifest(device: DeviceId): void {
    this.#manifests.set(device, { revision: ++this.#sequence, manifest: { ok: false, issues: [{ path: [], message: "expected JSON" }] } });
  }

  /** What the bucket has, without what only differs by the order of writes. */
  manifest(device: string): Manifest | undefined {
    const manifest = this.#manifests.get(asDeviceId(device))?.manifest;
    return manifest?.ok === true ? manifest.value : undefined;
  }

  score(key: string): string | null {
    return this.#scores.get(key)?.scoreString ?? null;
  }

  apply(steps: readonly Step[]): WriteResult[] {
    const revisions = new Map<string, number>();
    return steps.flatMap((step): WriteResult[] => {
      if (step.kind === "put-record") return [this.putRecord(step.record, step.expectedRevision)];
      return isDeviceStep(step) ? [this.#applyToDevice(step, revisions)] : [];
    });
  }

  #applyToDevice(step: DeviceStep, revisions: Map<string, number>): WriteResult {
    const { device, expectedRevision } = step;
    if (step.kind === "put-manifest") {
      const own = new Map<DeploymentName, number>(
        step.follows.flatMap((name) => (revisions.has(`${device}.${name}`) ? [[name, revisions.get(`${device}.${name}`) ?? 0]] : [])),
      );
      return this.putManifest(device, withRevisions(step.manifest, step.follows, own), expectedRevision);
    }
    const key = `${device}.${step.deployment}`;
    const result = this.putScore(key, step.kind === "put-score" ? step.scoreString : null, expectedRevision);
    if (result.ok) revisions.set(key, result.revision);
    return result;
  }

  #write(current: number | undefined, expected: number, set: (revision: number) => void): WriteResult {
    if ((current ?? 0) !== expected) return { ok: false, reason: "Conflict" };
    this.#sequence += 1;
    set(this.#sequence);
    return { ok: true, revision: this.#sequence };
  }
}

export function deployment(name: string, devices: readonly string[], more: Partial<Omit<SourceDeployment, "name">> = {}): SourceDeployment {
  const namespace = more.namespace ?? "default";
  return {
    uid: `uid-${namespace}-${name}`,
    namespace,
    name: asDeploymentName(name),
    generation: 1,
    createdAt: "2026-01-01T00:00:00Z",
    targetDevices: devices.map(asDeviceId),
    scoreString: `{"type":"PodmanV0","data":{"of":"${name}"}}`,
    ...more,
  };
}

let commits = 0;

/** The evidence of a repository, at a commit of its own that follows from the one before. */
export function complete(deployments: readonly SourceDeployment[], more: Partial<CompleteSnapshot> = {}): CompleteSnapshot {
  commits += 1;
  const version = `c${commits}`;
  return { kind: "complete", deployments, refused: [], deleting: [], version, evidence: gitEvidence(version), ...more };
}

export function gitEvidence(tip: string, more: Partial<GitEvidence> = {}): GitEvidence {
  return { kind: "git", followed: null, tip, lineage: "descends", gave: new Map(), unreadable: [], consents: new Set(), ...more };
}

/**
 * Answers as a source that knows what was followed last, and that gave all that stands in the
 * bucket.
 */
function readAfter(source: CompleteSnapshot, followed: string | null, bucket: ModelBucket): CompleteSnapshot {
  const { evidence } = source;
  if (evidence?.kind !== "git") return source;
  const lineage = followed === null ? "first" : followed === evidence.tip ? "descends" : evidence.lineage;
  const entries = [...bucket.snapshot().manifests].flatMap(([device, { manifest }]) =>
    manifest.ok
      ? Object.entries(manifest.value.deployments).map(([name, { namespace }]) => ({ device, object: `${namespace}/${name}` }))
      : [],
  );
  const gave = new Map(
    [...Map.groupBy(entries, ({ object }) => object)].map(([object, of]) => [object, new Set(of.map(({ device }) => device))]),
  );
  return { ...source, evidence: { ...evidence, followed, lineage, gave } };
}

export const NOW_MS: number = Date.parse("2026-03-01T00:00:00Z");

export function planFor(
  bucket: ModelBucket,
  source: CompleteSnapshot,
  { nowMs = NOW_MS, ...more }: Partial<PlanInput> & { readonly nowMs?: number } = {},
): DesiredStatePlan {
  const { record, recordRevision: revision } = bucket;
  return plan({
    sourceId: "git:ours",
    adopts: new Set(),
    source: readAfter(source, record.followed, bucket),
    desired: bucket.snapshot(),
    reported: new Map(),
    removals: { record, revision, nowMs },
    unclaimed: new Map(),
    abandoned: new Set(),
    ...more,
  });
}

/** Plans and applies until nothing is left to do. */
export function settle(
  bucket: ModelBucket,
  source: CompleteSnapshot,
  more: Partial<PlanInput> & { readonly nowMs?: number } = {},
): DesiredStatePlan {
  for (let pass = 0; pass < 10; pass += 1) {
    const planned = planFor(bucket, source, more);
    if (writesOf(planned).length === 0 && !planned.removals.isRecordChanged) return planned;
    bucket.apply(planned.steps);
  }
  throw new Error("ten passes did not settle");
}

/** What is written for devices. */
export function writesOf({ steps }: DesiredStatePlan): DeviceStep[] {
  return steps.filter(isDeviceStep);
}
