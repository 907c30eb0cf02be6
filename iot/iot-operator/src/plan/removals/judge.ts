// Whether deletions that were seen together may go, or wait until a person says so: the second
// table of docs/removal.md. Pure: the time is handed in. Nothing is asked of a person who deletes
// one thing; a source that empties at once is held.

import type { Entry, Gathering, How, RemovedEntry } from "./record.ts";

export interface Deletion extends Entry {
  readonly how: How;
  readonly why: string;
}

export interface Judgement {
  readonly kind: "goes" | "held";
  /** Against what may go in ten minutes. */
  readonly counted: boolean;
}

export interface JudgementInput {
  /** Seen in one gathering; at least one. */
  readonly gathered: readonly Deletion[];
  /** Removed in the last ten minutes. */
  readonly recent: readonly RemovedEntry[];
  /** Entries of this source that stand in the manifests, with those gathered. */
  readonly standing: number;
  /** Entries that the source asks for after it. */
  readonly wanted: number;
}

const AT_ONCE = 10;
const SHARE = 1 / 5;
/** From this many entries on a source is not emptied unasked. */
const NEVER_ALL_OF = 3;

export function judge({ gathered, recent, standing, wanted }: JudgementInput): Judgement {
  const objects = new Set(gathered.map(({ uid }) => uid));
  const isOneByName = objects.size === 1 && gathered.every(({ how }) => how === "by-name");
  if (isOneByName && recent.length === 0) {
    const isMost = gathered.length > AT_ONCE && gathered.length > standing / 2;
    return { kind: isMost ? "held" : "goes", counted: false };
  }
  if (wanted === 0 && standing >= NEVER_ALL_OF) return { kind: "held", counted: false };
  const counted = gathered.length + recent.filter((entry) => entry.counted).length;
  const isFew = counted <= AT_ONCE || counted <= (standing + recent.length) * SHARE;
  return isFew ? { kind: "goes", counted: true } : { kind: "held", counted: false };
}

/** A first deletion waits this long for a second one. */
export const FIRST_MS = 700;
/** With more than one, it waits so long after the last. */
export const QUIET_MS = 3_000;
export const GATHERING_LIMIT_MS = 60_000;
/** After a removal a deletion is not a first one. */
export const STIRRED_MS = 30_000;

/** When what is gathered is judged, by the server's clock. */
export function gatheringEndsMs(gathering: Gathering, gathered: readonly Deletion[], recent: readonly RemovedEntry[]): number {
  const { sinceMs, lastMs } = gathering;
  const isStirred = recent.some(({ atMs }) => sinceMs - atMs < STIRRED_MS);
  const isFirst = lastMs === sinceMs && new Set(gathered.map(({ uid }) => uid)).size === 1;
  return isFirst && !isStirred ? sinceMs + FIRST_MS : Math.min(lastMs + QUIET_MS, sinceMs + GATHERING_LIMIT_MS);
}
