// Which transition is sent next, and in which words: one by one, and when more wait than are sent
// at once, those of one deployment that follow each other as one. Pure.

import { plainText } from "@harmony/core";
import { DEVICE_HISTORY, HISTORY_BURST, type HistoryEntry, type HistoryEvent, MESSAGE_CHARACTERS } from "@iot/contracts";

/** The server counts the headers, too. */
const EVENT_BYTES = DEVICE_HISTORY.maxEventBytes - 256;
const SOURCE_CHARACTERS = 256;

/** How far the history was sent. It is on disk. */
export interface Sent {
  /** The number of the last transition that the server has. */
  readonly n: number;
  /** The last sequence of this device's subject; null: it was never asked for. */
  readonly sequence: number | null;
  /** What is being sent reaches up to this number; null: it is the next one alone. */
  readonly upTo: number | null;
}

export interface NextEvent {
  readonly upTo: number;
  /** Null: what was being sent is not kept any more. */
  readonly event: HistoryEvent | null;
}

export interface Now {
  readonly bootId: string;
  readonly monotonicMs: number;
}

/** `entries`: those behind `sent`, in order; not none. */
export function nextEvent(entries: readonly HistoryEntry[], sent: Sent, now: Now): NextEvent | null {
  const [first] = entries;
  if (first === undefined) return null;
  const upTo = sent.upTo ?? lastMerged(entries);
  const group = entries.filter(({ n = 0 }) => n <= upTo);
  const last = group.at(-1);
  return { upTo, event: last === undefined ? null : eventOf(last, group.length - 1, now) };
}

function lastMerged(entries: readonly HistoryEntry[]): number {
  const [first] = entries;
  const isHurried = entries.length > HISTORY_BURST;
  const others = entries.findIndex(({ deployment }) => deployment !== first?.deployment);
  const count = isHurried ? (others < 0 ? entries.length : others) : 1;
  return entries[count - 1]?.n ?? 0;
}

function eventOf({ monotonicMs, bootId, ...entry }: HistoryEntry, merged: number, now: Now): HistoryEvent {
  const isOfThisBoot = bootId === now.bootId && monotonicMs !== undefined;
  const { n = 0, at, deployment, phase, reason, message, revision, generation, source, commit, trace } = entry;
  const about = {
    n,
    at,
    ...(isOfThisBoot ? { agoMs: Math.max(0, Math.round(now.monotonicMs - monotonicMs)) } : {}),
    ...(bootId === undefined ? {} : { bootId }),
    deployment,
    phase,
    reason,
    revision,
    ...(generation === undefined ? {} : { generation }),
    ...(source === undefined ? {} : { source: plainText(source, SOURCE_CHARACTERS) }),
    ...(commit === undefined ? {} : { commit: plainText(commit, 64) }),
    ...(merged === 0 ? {} : { merged }),
    ...(trace === undefined ? {} : { trace }),
  };
  const whole = { ...about, message: plainText(message, MESSAGE_CHARACTERS) };
  // The longest sentence of letters that take three bytes each.
  return Buffer.byteLength(JSON.stringify(whole)) <= EVENT_BYTES
    ? whole
    : { ...about, message: plainText(message, MESSAGE_CHARACTERS / 4) };
}
