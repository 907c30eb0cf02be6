// While a person holds a deployment, what there is of it is stopped and stays so, also over a power cut, and nothing else is done for it: no
// pull, no swap. When the hold ends is up to whoever set it; here it is only told. What it stopped is in the journal, since a stop of ours
// looks like one by hand, which some restart policies respect.

import type { Hold, Plan } from "@harmony/core";
import { isUp } from "./role.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import { stop } from "./swap.ts";

export function holdPlan(deployment: string, own: readonly Container[], { record, startList }: Snapshot): Plan<Step> {
  const up = own.filter(isUp).map(({ name }) => name);
  const held = [...new Set([...record.held, ...up])];
  const steps: Step[] = [
    ...(held.length === record.held.length
      ? []
      : [{ kind: "journal", deployment, record: { ...record, held }, why: "a person holds it" } as const]),
    ...(startList.length === 0 ? [] : [{ kind: "recordStart", deployment, containers: [] } as const]),
    ...own.flatMap(stop),
  ];
  return { steps, blocked: [], recheckAfterMs: null };
}

/** With the day only where it is another. By the device's own clock and time zone, as the person beside it reads it. */
export function heldMessage(deployment: string, hold: Hold, nowMs: number): string {
  const until = new Date(hold.until);
  const day = localDay(until) === localDay(new Date(nowMs)) ? "" : `${localDay(until)} `;
  return `held until ${day}${timeOfDay(hold.until).slice(0, 5)} by a person: ${hold.reason}; \`iot-agent release ${deployment}\` ends it`;
}

/** Of an RFC 3339 time, in the device's time zone: `12:31:05`. */
export function timeOfDay(text: string): string {
  return new Date(text).toTimeString().slice(0, 8);
}

function localDay(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}
