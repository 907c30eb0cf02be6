// Words a deployment that a person holds.

import { type Hold, localDay, minuteOfDay } from "@harmony/core";
import type { Snapshot } from "../model/snapshot.ts";

/** The day is named only where it is another. */
export function heldMessage(
  deployment: string,
  hold: Hold,
  { nowMs, application: { program } }: Pick<Snapshot, "nowMs" | "application">,
): string {
  const until = new Date(hold.until);
  const day = localDay(until) === localDay(new Date(nowMs)) ? "" : `${localDay(until)} `;
  return `held until ${day}${minuteOfDay(hold.until)} by a person: ${hold.reason}; \`${program} release ${deployment}\` ends it`;
}
