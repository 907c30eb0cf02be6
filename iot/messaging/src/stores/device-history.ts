// The last transitions of each device, as its agent sent them: what it says is bounded and cleaned
// here. When something was follows from the server's stamp and the device's monotonic clock, since
// the device's own clock may be years off.

import { DEVICE_HISTORY, type DeviceId, deviceOfKey, type HistoryEvent, historySubject, readHistoryEvent } from "@iot/contracts";
import { batchGet } from "../buckets/batch-get.ts";
import type { Messaging } from "../connection/connect.ts";

const { stream } = DEVICE_HISTORY;
/** A message costs about 1 KiB: a second's reading at a time. */
const AT_ONCE = 1_000;

/** What a device said of one transition. */
export interface ToldTransition {
  readonly device: DeviceId;
  readonly event: HistoryEvent;
  readonly sequence: number;
  /** When it was, by the server's clock. */
  readonly atMs: number;
  /** When the server received it. */
  readonly receivedAtMs: number;
  /** The device has booted since: `atMs` is by its own clock, and not later than it was received. */
  readonly isEstimated: boolean;
}

export interface HistoryQuery {
  /** Null: of all devices. */
  readonly device: DeviceId | null;
  /** What was received since then. Null: all that is kept. */
  readonly sinceMs: number | null;
  readonly most: number;
  /** The prefix of replies that this user hears. */
  readonly inbox: string;
}

export interface HistoryRead {
  /** In the order in which the server received them. */
  readonly transitions: readonly ToldTransition[];
  /** What nobody can read. */
  readonly unreadable: number;
  /** There is more than was asked for: the newest are not among them. */
  readonly isCut: boolean;
}

/** @throws MessagingError, or the signal's reason. */
export async function readDeviceHistory(messaging: Messaging, query: HistoryQuery, signal: AbortSignal): Promise<HistoryRead> {
  const { device, sinceMs, most, inbox } = query;
  const subject = historySubject(device ?? "*");
  const transitions: ToldTransition[] = [];
  let unreadable = 0;
  let from: Parameters<typeof batchGet>[1]["from"] = sinceMs === null ? { sequence: 1 } : { time: new Date(sinceMs).toISOString() };
  for (;;) {
    const { messages, pending } = await batchGet(messaging, { stream, subject, from, most: AT_ONCE }, inbox, signal);
    for (const message of messages) {
      const of = deviceOfKey(message.subject.split(".").at(-1) ?? "");
      const event = readHistoryEvent(message.data);
      if (of === null || !event.ok) unreadable += 1;
      else transitions.push(told(of, event.value, message));
    }
    const last = messages.at(-1);
    if (last === undefined || pending === 0) return { transitions, unreadable, isCut: false };
    if (transitions.length + unreadable >= most) return { transitions, unreadable, isCut: true };
    from = { sequence: last.sequence + 1 };
  }
}

function told(
  device: DeviceId,
  event: HistoryEvent,
  { sequence, writtenAtMs: receivedAtMs }: { readonly sequence: number; readonly writtenAtMs: number },
): ToldTransition {
  const about = { device, event, sequence, receivedAtMs };
  if (event.agoMs !== undefined) return { ...about, atMs: receivedAtMs - event.agoMs, isEstimated: false };
  const said = Date.parse(event.at);
  return { ...about, atMs: Number.isNaN(said) ? receivedAtMs : Math.min(said, receivedAtMs), isEstimated: true };
}
