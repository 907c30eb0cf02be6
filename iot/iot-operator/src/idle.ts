// What a pass saw that found nothing to do. As long as that is so, the next one finds nothing
// either, and need not plan: own writes that come back, and hints of what is known, cost nothing
// that grows with the fleet. Pure.

import type { DesiredStateSnapshot } from "@iot/messaging";
import type { DesiredStatePlan } from "./plan/plan.ts";
import type { ObservedRecord } from "./record/record-keeper.ts";
import type { CompleteSnapshot } from "./sources/source.ts";

export interface Seen {
  readonly source: CompleteSnapshot | null;
  readonly observed: DesiredStateSnapshot;
  readonly own: Pick<ObservedRecord, "revision" | "state">;
}

export interface Idle extends Seen {
  readonly planned: DesiredStatePlan;
  /** On the monotonic clock: when time alone may give something to do. */
  readonly untilMs: number;
}

/** How long nothing is to be done unless something changes; null: it is to be planned. */
export function idleForMs(idle: Idle, { source, observed, own }: Seen, nowMs: number): number | null {
  const isSame = idle.source === source && idle.observed === observed && idle.own.revision === own.revision;
  if (!isSame || adoptsOf(idle) !== adoptsOf({ own })) return null;
  return idle.untilMs > nowMs ? idle.untilMs - nowMs : null;
}

function adoptsOf({ own: { state } }: Pick<Seen, "own">): string {
  return (state?.adopts ?? []).join(" ");
}
