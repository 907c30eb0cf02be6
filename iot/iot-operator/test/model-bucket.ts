// The bucket of desired state in memory, as the planner's tests need it: sequences, delete markers and compare-and-set as JetStream
// has them. The adapter itself is tested against the real server, in @iot/messaging.

import type { Parsed } from "@harmony/core";
import { asDeploymentName, asDeviceId, type DeploymentName, type DeviceId, type Manifest } from "@iot/contracts";
import type { DesiredStateSnapshot, WriteResult } from "@iot/messaging";
import { withRevisions } from "../src/apply/apply.ts";
import type { Step } from "../src/plan/plan.ts";
import type { CompleteSnapshot, SourceDeployment } from "../src/sources/source.ts";

export class ModelBucket {
  #sequence = 0;
  readonly #manifests = new Map<DeviceId, { revision: number; manifest: Parsed<Manifest> }>();
  readonly #scores = new Map<string, { revision: number; scoreString: string | null }>();

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
    return steps.map((step) => {
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
    });
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

export function complete(deployments: readonly SourceDeployment[], more: Partial<CompleteSnapshot> = {}): CompleteSnapshot {
  return { kind: "complete", deployments, refused: [], deleting: [], version: "1", evidence: null, ...more };
}
