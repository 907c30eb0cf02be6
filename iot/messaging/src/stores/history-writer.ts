// What a device says once of its transitions, each acknowledged, and each behind the one before it:
// a write that expects another last sequence of the device's own subject is refused, so that one
// whose acknowledgement was lost is found to be there already. No message ids: those are the whole
// stream's, and another device could take one first.

import { DEVICE_HISTORY, type DeviceId, type HistoryEvent, historySubject } from "@iot/contracts";
import { publishAcknowledged, type PublishResult } from "../buckets/acknowledged-publish.ts";
import type { Messaging } from "../connection/connect.ts";

export interface HistoryWriter {
  /** `expected`: the last sequence. @throws MessagingError, or the signal's reason. */
  put(event: HistoryEvent, expected: number, signal: AbortSignal): Promise<PublishResult>;
  /** The last sequence of this device; null: the server does not name it now. Writes nothing. */
  last(signal: AbortSignal): Promise<number | null>;
}

/** Higher than any sequence that a stream comes to, and exact in JSON. */
const NEVER = Number.MAX_SAFE_INTEGER;

export function openHistoryWriter(messaging: Messaging, device: DeviceId): HistoryWriter {
  const { stream } = DEVICE_HISTORY;
  const subject = historySubject(device);
  messaging.mayBeRefused(subject);
  const write = (text: string, expected: number, signal: AbortSignal): Promise<PublishResult> =>
    publishAcknowledged(messaging, { stream, subject }, text, {
      headers: { "Nats-Expected-Last-Subject-Sequence": String(expected) },
      signal,
    });
  return {
    put: (event, expected, signal) => write(JSON.stringify(event), expected, signal),
    last: async (signal) => {
      const refused = await write("", NEVER, signal);
      return refused.ok ? refused.revision : (refused.last ?? null);
    },
  };
}
