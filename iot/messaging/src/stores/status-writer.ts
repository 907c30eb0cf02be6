// What a device says of itself: its own two keys, each write acknowledged. No consumer, no stream
// information, no roll-up: the rights of one device do not reach further.

import { type DeviceId, type DeviceInventory, type DeviceStatus, subjects } from "@iot/contracts";
import { publishAcknowledged } from "../buckets/acknowledged-publish.ts";
import type { Messaging } from "../connection/connect.ts";
import { deviceNames } from "./device-names.ts";

export interface StatusWriter {
  /** Resolves when the server has it. @throws MessagingError, or the signal's reason. */
  putStatus(status: DeviceStatus, signal: AbortSignal): Promise<void>;
  putInventory(inventory: DeviceInventory, signal: AbortSignal): Promise<void>;
}

export function openStatusWriter(messaging: Messaging, device: DeviceId): StatusWriter {
  const names = deviceNames(messaging, device);
  const put = async (bucket: "status" | "inventory", document: unknown, signal: AbortSignal): Promise<void> => {
    const subject = subjects[bucket](device);
    const text = JSON.stringify(document);
    await names.ask(bucket, (named) => publishAcknowledged(messaging, { bucket, subject, sentTo: named[bucket] }, text, { signal }));
  };
  return {
    putStatus: (status, signal) => put("status", status, signal),
    putInventory: (inventory, signal) => put("inventory", inventory, signal),
  };
}
