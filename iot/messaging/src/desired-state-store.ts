// (see below)
import type { Parsed } from "@harmony/core";
import type { Log } from "@harmony/runtime";
import type { DeploymentName, DeviceId, Manifest } from "@iot/contracts";
import type { Messaging } from "./connect.ts";

export type WriteResult = { readonly ok: true; readonly revision: number } | { readonly ok: false; readonly reason: "Conflict" };

export interface DesiredStateSnapshot {
  /** `revision`: the last sequence of the key, delete markers counted; what the next write expects. 0, or no entry: never written. */
  readonly manifests: ReadonlyMap<DeviceId, { readonly revision: number; readonly manifest: Parsed<Manifest> }>;
  /** By `<device>.<deployment>`; `scoreString` null: deleted. */
  readonly scores: ReadonlyMap<string, { readonly revision: number; readonly scoreString: string | null }>;
  readonly foreignKeys: readonly string[];
}

export interface DesiredStateStore {
  observe(signal: AbortSignal): Promise<DesiredStateSnapshot>;
  /** A hint: something of this device was written. */
  onChange(callback: (device: DeviceId) => void): void;
  putScore(write: { device: DeviceId; deployment: DeploymentName; scoreString: string; expectedRevision: number }): Promise<WriteResult>;
  putManifest(write: { device: DeviceId; manifest: Manifest; expectedRevision: number }): Promise<WriteResult>;
  removeScore(write: { device: DeviceId; deployment: DeploymentName; expectedRevision: number }): Promise<WriteResult>;
  close(): Promise<void>;
}

export async function openDesiredState(_messaging: Messaging, _options: { replicas?: number; log: Log }): Promise<DesiredStateStore> {
  throw new Error("not yet");
}
