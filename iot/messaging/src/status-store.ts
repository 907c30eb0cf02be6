// (see below)
import type { Parsed } from "@harmony/core";
import type { Log } from "@harmony/runtime";
import type { DeviceId, DeviceInventory, DeviceStatus } from "@iot/contracts";
import type { Messaging } from "./connect.ts";

export interface StatusEntry {
  readonly device: DeviceId;
  /** The server's time stamp, and the server's clock now: their difference is the age, whatever the clocks here and on the device say. */
  readonly receivedAtMs: number;
  readonly nowMs: number;
  readonly status: Parsed<DeviceStatus>;
}
export interface StatusStore {
  /** Current first, then every change, until aborted; resolves when the current ones were all given. */
  watch(callback: (entry: StatusEntry) => void, signal: AbortSignal, onRemoved?: (device: DeviceId) => void): Promise<void>;
  list(signal: AbortSignal): Promise<StatusEntry[]>;
}
export interface InventoryEntry {
  readonly device: DeviceId;
  readonly receivedAtMs: number;
  readonly nowMs: number;
  readonly inventory: Parsed<DeviceInventory>;
}
export interface InventoryStore {
  list(signal: AbortSignal): Promise<InventoryEntry[]>;
}
export async function openStatusStore(_messaging: Messaging, _options: { replicas?: number; log: Log }): Promise<StatusStore> {
  throw new Error("not yet");
}
export async function openInventoryStore(_messaging: Messaging, _options: { replicas?: number; log: Log }): Promise<InventoryStore> {
  throw new Error("not yet");
}
