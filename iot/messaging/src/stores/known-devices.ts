// What is kept of a device that may be gone for good: how old its status and its inventory are, and
// their removal. A device that writes meanwhile is not forgotten.

import { type DeviceId, directGetSubject, subjects } from "@iot/contracts";
import { publishAcknowledged } from "../buckets/acknowledged-publish.ts";
import { DELETES } from "../buckets/compare-and-set.ts";
import { directGet } from "../buckets/direct-get.ts";
import type { Messaging } from "../connection/connect.ts";

export interface Kept {
  readonly revision: number;
  /** By the server's clock. */
  readonly writtenAtMs: number;
}

/** null: there is none. */
export interface KnownDevice {
  readonly status: Kept | null;
  readonly inventory: Kept | null;
}

export interface KnownDevices {
  /** @throws MessagingError, or the signal's reason. */
  find(device: DeviceId, signal: AbortSignal): Promise<KnownDevice>;
  /** false: it wrote meanwhile, and nothing is removed. @throws MessagingError */
  forget(device: DeviceId, known: KnownDevice): Promise<boolean>;
}

export function openKnownDevices(messaging: Messaging): KnownDevices {
  const find = async (bucket: "status" | "inventory", device: DeviceId, signal: AbortSignal): Promise<Kept | null> => {
    const subject = subjects[bucket](device);
    const entry = await directGet(messaging, { subject, asked: directGetSubject(bucket, subject) }, signal);
    return entry.kind === "absent" ? null : { revision: entry.sequence, writtenAtMs: Date.parse(entry.writtenAt) };
  };
  return {
    find: async (device, signal) => {
      const [status, inventory] = await Promise.all([find("status", device, signal), find("inventory", device, signal)]);
      return { status, inventory };
    },
    forget: async (device, { status, inventory }) => {
      const remove = async (bucket: "status" | "inventory", kept: Kept | null): Promise<boolean> => {
        if (kept === null) return true;
        const headers = { ...DELETES, "Nats-Expected-Last-Subject-Sequence": String(kept.revision) };
        return (await publishAcknowledged(messaging, { bucket, subject: subjects[bucket](device) }, "", { headers })).ok;
      };
      return (await remove("status", status)) && remove("inventory", inventory);
    },
  };
}
