// What a device says of the sessions of people, each acknowledged.

import { DEVICE_AUDIT, type DeviceAuditEvent, deviceAuditSubject, type DeviceId } from "@iot/contracts";
import { publishAcknowledged } from "../buckets/acknowledged-publish.ts";
import type { Messaging } from "../connection/connect.ts";

export interface DeviceAuditWriter {
  /** Resolves when the server has it. @throws MessagingError, or the signal's reason. */
  write(event: DeviceAuditEvent, signal: AbortSignal): Promise<void>;
}

export function openDeviceAudit(messaging: Messaging, device: DeviceId): DeviceAuditWriter {
  const { stream } = DEVICE_AUDIT;
  const subject = deviceAuditSubject(device);
  messaging.mayBeRefused(subject);
  return {
    write: async (event, signal) => void (await publishAcknowledged(messaging, { stream, subject }, JSON.stringify(event), { signal })),
  };
}
