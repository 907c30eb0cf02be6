// What a device says of itself: its own two keys, each write acknowledged. No consumer, no stream
// information, no roll-up: the rights of one device do not reach further.

import { type DeviceId, type DeviceInventory, type DeviceStatus, readInventory, subjects } from "@iot/contracts";
import { publishAcknowledged } from "../buckets/acknowledged-publish.ts";
import { directGet } from "../buckets/direct-get.ts";
import { MessagingError } from "../connection/messaging-error.ts";
import type { Messaging } from "../connection/connect.ts";
import { deviceNames } from "./device-names.ts";

export interface StatusWriter {
  /**
   * What stands there as its own inventory; null: nothing that can be read, or this NATS does not
   * let a device read it.
   */
  readInventory(signal: AbortSignal): Promise<DeviceInventory | null>;
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
  let isReadable = true;
  return {
    readInventory: async (signal) => {
      if (!isReadable) return null;
      try {
        const entry = await directGet(messaging, { subject: subjects.inventory(device), asked: names.subjects.inventoryRead }, signal);
        const read = entry.kind === "found" ? readInventory(entry.data) : null;
        return read?.ok === true ? read.value : null;
      } catch (error) {
        if (!(error instanceof MessagingError)) throw error;
        // A NATS whose configuration is older is not asked in vain again and again.
        if (error.code === "PermissionDenied" || error.code === "NoStore") isReadable = false;
        return null;
      }
    },
    putStatus: (status, signal) => put("status", status, signal),
    putInventory: (inventory, signal) => put("inventory", inventory, signal),
  };
}
