// What a person says of entries that are held or lost, as changes of the record. A token stands for
// exactly the entries that it was shown beside: for all that are held, for all that are lost, or
// for those of one Deployment. When others have come since, it stands for none. Pure.

import { type Entry, type HeldEntry, type LostEntry, objectOf, type RemovalRecord, tokenOf } from "./record.ts";
import type { Reason } from "../../sources/reasons.ts";

/** The entries that this token stands for; of `lists` each is a list of its own. */
export function byTokens(lists: readonly (readonly Entry[])[], token: string): readonly Entry[] {
  for (const list of lists) {
    if (list.length === 0) continue;
    if (tokenOf(list) === token) return list;
    const found = [...Map.groupBy(list, objectOf).values()].find((of) => tokenOf(of) === token);
    if (found !== undefined) return found;
  }
  return [];
}

export interface Consent {
  readonly record: RemovalRecord;
  readonly entries: readonly Entry[];
}

/** null: the token stands for nothing that is held or lost. */
export function confirm(record: RemovalRecord, token: string, { nowMs, by }: { nowMs: number; by: string }): Consent | null {
  const entries = byTokens([record.held, record.lost], token);
  if (entries.length === 0) return null;
  const gone = entries.map(({ device, name, namespace, uid }) => ({
    device,
    name,
    namespace,
    uid,
    atMs: nowMs,
    how: "consent" as const,
    counted: false,
    due: true,
    why: `confirmed by ${by}`,
  }));
  const { held, lost } = without(record, entries);
  return { record: { ...record, removed: [...record.removed, ...gone], held, lost }, entries };
}

/** `name`: a Deployment's, with or without its namespace. null: nothing of it is held. */
export function keep(
  record: RemovalRecord,
  wanted: { readonly name?: string | undefined; readonly namespace?: string | undefined },
  by: string,
): Consent | null {
  const { name, namespace } = wanted;
  const isMeant = (entry: Entry): boolean =>
    (name === undefined || entry.name === name || objectOf(entry) === name) && (namespace === undefined || entry.namespace === namespace);
  const entries = name === undefined && namespace === undefined ? [] : record.held.filter(isMeant);
  if (entries.length === 0) return null;
  const kept = entries.map(({ how: _, atMs: __, ...entry }): LostEntry => ({
    ...entry,
    reason: "Kept" satisfies Reason,
    why: `kept by ${by}`,
  }));
  const { held, lost } = without(record, entries);
  return { record: { ...record, held, lost: [...lost, ...kept] }, entries };
}

function without({ held, lost }: RemovalRecord, entries: readonly Entry[]): { held: readonly HeldEntry[]; lost: readonly LostEntry[] } {
  const taken = new Set(entries);
  return { held: held.filter((entry) => !taken.has(entry)), lost: lost.filter((entry) => !taken.has(entry)) };
}
