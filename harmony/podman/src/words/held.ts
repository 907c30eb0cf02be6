// Words a deployment that a person holds, and the times in it.

import type { Hold } from "@harmony/core";
import type { Snapshot } from "../model/snapshot.ts";

/**
 * The day is named only where it is another. Times are by the device's own clock and time zone, as
 * the person beside it reads them.
 */
export function heldMessage(
  deployment: string,
  hold: Hold,
  { nowMs, application: { program } }: Pick<Snapshot, "nowMs" | "application">,
): string {
  const until = new Date(hold.until);
  const day = localDay(until) === localDay(new Date(nowMs)) ? "" : `${localDay(until)} `;
  return `held until ${day}${timeOfDay(hold.until).slice(0, 5)} by a person: ${hold.reason}; \`${program} release ${deployment}\` ends it`;
}

/** Formats an RFC 3339 time in the device's time zone: `12:31:05`. */
export function timeOfDay(text: string): string {
  return new Date(text).toTimeString().slice(0, 8);
}

function localDay(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}
