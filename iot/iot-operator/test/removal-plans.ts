// What the tests of removals share: entries of the manifests, a cluster that has lost some of its
// objects, and what the planner makes of both.

import { asDeploymentName, asDeviceId } from "@iot/contracts";
import type { ManifestedEntry } from "../src/plan/removals/classify.ts";
import { planRemovals, type RemovalsPlan } from "../src/plan/removals/plan-removals.ts";
import { EMPTY_RECORD, type RemovalRecord } from "../src/plan/removals/record.ts";
import type { CompleteSnapshot, DeletingObject, KubernetesEvidence, SourceDeployment } from "../src/sources/source.ts";
import { complete, NOW_MS } from "./model-bucket.ts";

export const devices = (count: number): string[] => Array.from({ length: count }, (_, index) => `pi-${index}`);

export function entries(name: string, on: readonly string[], more: Partial<ManifestedEntry> = {}): ManifestedEntry[] {
  const uid = `uid-default-${name}`;
  return on.map((device) => ({
    device: asDeviceId(device),
    name: asDeploymentName(name),
    namespace: "default",
    uid,
    generation: 1,
    ...more,
  }));
}

export function deleting(name: string, more: Partial<DeletingObject> = {}): DeletingObject {
  return { uid: `uid-default-${name}`, namespace: "default", name, generation: 2, isClaimed: true, ...more };
}

interface Cluster extends Partial<Omit<KubernetesEvidence, "kind">> {
  readonly deployments?: readonly SourceDeployment[];
  readonly deleting?: readonly DeletingObject[];
}

export function cluster({ deployments = [], deleting: gone = [], crd = "present", namespaces }: Cluster): CompleteSnapshot {
  const evidence: KubernetesEvidence = { kind: "kubernetes", crd, namespaces: namespaces ?? new Map([["default", "present"]]) };
  return complete(deployments, { deleting: gone, evidence });
}

export function planned(
  source: CompleteSnapshot,
  has: readonly ManifestedEntry[],
  { record = EMPTY_RECORD, nowMs = NOW_MS }: { record?: RemovalRecord; nowMs?: number } = {},
): RemovalsPlan {
  return planRemovals({ source, entries: has, record, nowMs });
}

/** The same looked at until its gathering has ended. */
export function judged(
  source: CompleteSnapshot,
  has: readonly ManifestedEntry[],
  record: RemovalRecord = EMPTY_RECORD,
  nowMs = NOW_MS,
): RemovalsPlan {
  const first = planned(source, has, { record, nowMs });
  if (first.recheckAfterMs === null) return first;
  return planned(source, has, { record: first.record, nowMs: nowMs + first.recheckAfterMs });
}

/** What became of it, and why or how. */
export function found({ verdicts, record }: RemovalsPlan): string[] {
  return [...verdicts].map(([key, { kind }]) => {
    const how = [...record.removed.filter(({ due }) => due), ...record.held].find(({ device, name }) => `${device}.${name}` === key)?.how;
    const reason = record.lost.find(({ device, name }) => `${device}.${name}` === key)?.reason;
    return `${key} ${kind}${how === undefined ? "" : ` ${how}`}${reason === undefined ? "" : ` ${reason}`}`;
  });
}
