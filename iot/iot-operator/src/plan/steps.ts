// The steps of a plan: what apply.ts writes to the buckets, and what the source does to its
// objects.

import type { DeploymentName, DeviceId, Manifest } from "@iot/contracts";
import type { OwnerStep } from "../sources/source.ts";
import type { RemovalRecord } from "./removals/record.ts";

/** Before all others: nothing goes that does not stand in the record. */
export interface PutRecord {
  readonly kind: "put-record";
  readonly record: RemovalRecord;
  readonly expectedRevision: number;
}

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
  /**
   * The entries named in `follows` get the revision that the put-score of the same name is given.
   */
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

export type DeviceStep = PutScore | PutManifest | RemoveScore;

export type Step = PutRecord | DeviceStep | OwnerStep;

export function isDeviceStep(step: Step): step is DeviceStep {
  return step.kind === "put-score" || step.kind === "put-manifest" || step.kind === "remove-score";
}
