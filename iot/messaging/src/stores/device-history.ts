// The last transitions of each device, as its agent sent them: what it says is bounded and cleaned
// here. When something was follows from the server's stamp and the device's monotonic clock, since
// the device's own clock may be years off. And what people did on devices, by their own word.

import {
  DEVICE_AUDIT,
  DEVICE_HISTORY,
  type DeviceAuditEvent,
  deviceAuditSubject,
  type DeviceId,
  type DeviceStatus,
  type HistoryEvent,
  historySubject,
  readDeviceAuditEvent,
  readHistoryEvent,
  readStatus,
  streamName,
} from "@iot/contracts";
import type { Messaging } from "../connection/connect.ts";
import { readTold, type Told, type ToldQuery, type ToldRead } from "./read-told.ts";

/** What a device said of one transition. */
export interface ToldTransition {
  readonly device: DeviceId;
  readonly event: HistoryEvent;
  readonly sequence: number;
  /** When it was, by the server's clock. */
  readonly atMs: number;
  /** When the server received it. */
  readonly receivedAtMs: number;
  /**
   * The device has booted since: `atMs` is by its own clock, and not later than it was received.
   */
  readonly isEstimated: boolean;
}

/** @throws MessagingError, or the signal's reason. */
export async function readDeviceHistory(messaging: Messaging, query: ToldQuery, signal: AbortSignal): Promise<ToldRead<ToldTransition>> {
  const of = { stream: DEVICE_HISTORY.stream, subject: historySubject, read: readHistoryEvent };
  const { told, ...more } = await readTold(messaging, of, query, signal);
  return { told: told.map(transitionOf), ...more };
}

/** What each device said last, for whoever may read that alone. @throws MessagingError */
export function readStatuses(messaging: Messaging, signal: AbortSignal): Promise<ToldRead<Told<DeviceStatus>>> {
  const subject = (device: DeviceId | "*"): string => `$KV.status.${device}`;
  const of = { stream: streamName("status"), subject, read: readStatus };
  return readTold(messaging, of, { device: null, sinceMs: null, most: Infinity }, signal);
}

/** @throws MessagingError, or the signal's reason. */
export function readDeviceAudit(messaging: Messaging, query: ToldQuery, signal: AbortSignal): Promise<ToldRead<Told<DeviceAuditEvent>>> {
  const of = { stream: DEVICE_AUDIT.stream, subject: deviceAuditSubject, read: readDeviceAuditEvent };
  return readTold(messaging, of, query, signal);
}

function transitionOf({ device, document: event, sequence, receivedAtMs }: Told<HistoryEvent>): ToldTransition {
  const about = { device, event, sequence, receivedAtMs };
  if (event.agoMs !== undefined) return { ...about, atMs: receivedAtMs - event.agoMs, isEstimated: false };
  const said = Date.parse(event.at);
  return { ...about, atMs: Number.isNaN(said) ? receivedAtMs : Math.min(said, receivedAtMs), isEstimated: true };
}
