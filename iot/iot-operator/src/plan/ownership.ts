// Whose a source is: an id belongs to one cluster, and what a source that is not heard any more
// owns is taken over only when a person says so. Pure.

import type { SourceState } from "@iot/contracts";
import type { Compiled } from "./compile.ts";

/** A source that was not heard for this long may be gone. */
export const UNHEARD_AFTER_MS = 600_000;

/** Why this operator writes nothing; null: the id is its own. */
export function otherCluster(own: { readonly id: string; readonly clusterUid: string | null }, state: SourceState | null): string | null {
  const { id, clusterUid } = own;
  const recorded = state?.clusterUid ?? null;
  if (recorded === null || recorded === clusterUid) return null;
  const here = clusterUid === null ? "this is a repository" : `this is cluster ${clusterUid}`;
  return (
    `OtherCluster: source ${id} is that of cluster ${recorded}, and ${here}; nothing is written. ` +
    `Give this operator an IOT_SOURCE_ID of its own, or iot adopt ${id} if this one takes its place`
  );
}

export function isUnheard({ lastSeen }: SourceState, nowMs: number): boolean {
  const seenMs = Date.parse(lastSeen);
  return Number.isNaN(seenMs) || nowMs - seenMs >= UNHEARD_AFTER_MS;
}

/** Names that a source owns which is not heard any more; null: there are none. */
export function unheardOwners(compiled: Compiled, states: ReadonlyMap<string, SourceState>, nowMs: number): string | null {
  const names = new Map<string, Set<string>>();
  for (const conflict of [...compiled.conflicts.values()].flat()) {
    const { source, namespace, name } = conflict.holder;
    const state = states.get(source);
    if (state === undefined || !isUnheard(state, nowMs)) continue;
    names.set(source, (names.get(source) ?? new Set()).add(`${namespace}/${name}`));
  }
  const [first] = names;
  if (first === undefined) return null;
  const [source, of] = first;
  const shown = [...of].slice(0, 5).join(", ");
  const more = of.size > 5 ? ` and ${of.size - 5} more` : "";
  return `OtherSource: ${source} owns ${shown}${more}, and was last heard at ${states.get(source)?.lastSeen ?? "no time"}: iot adopt ${source} if this one takes its place`;
}
