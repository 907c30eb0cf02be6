// The Device objects of a source, as the room devices/ sees them: what stands in each, and what is
// done to it. A source that is no cluster has none.

import type { DeviceId, DeviceObjectStatus } from "@iot/contracts";

export interface DeviceObject {
  readonly device: DeviceId;
  readonly uid: string;
  /** Rises with every change of what people say in it. */
  readonly generation: number;
  readonly isDeleting: boolean;
  /** Whether our finalizer stands on it, so that its deletion is seen. */
  readonly isClaimed: boolean;
  readonly status: DeviceObjectStatus;
}

export type DeviceObjectStep =
  /** `labels` are put on this once: from then on they are people's. */
  | { readonly kind: "make"; readonly device: DeviceId; readonly labels: Readonly<Record<string, string>> }
  | { readonly kind: "claim" | "release"; readonly object: DeviceObject }
  | { readonly kind: "put-status"; readonly object: DeviceObject; readonly status: DeviceObjectStatus };

export interface DeviceObjects {
  /** False: the objects are not known yet. */
  isComplete(): boolean;
  find(device: DeviceId): DeviceObject | null;
  devices(): Iterable<DeviceId>;
  /** A hint: the object of this device is another, or is gone. */
  onChange(callback: (device: DeviceId) => void): void;
  /** Whether all objects are going with their definition, which says nothing of any one. */
  isDefinitionGoing(signal: AbortSignal): Promise<boolean>;
  /** Idempotent; what somebody else did meanwhile counts as done, and is heard. */
  carryOut(step: DeviceObjectStep, signal: AbortSignal): Promise<void>;
}
