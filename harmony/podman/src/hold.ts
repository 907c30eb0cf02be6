// While a person holds a deployment, what there is of it is stopped and stays so, and nothing else is done for it: no pull, no swap. When
// the hold ends is up to whoever set it; here it is only told.

import type { Hold } from "@harmony/core";

/** With the day only where it is another. By the device's own clock and time zone, as the person beside it reads it. */
export function heldMessage(deployment: string, hold: Hold, nowMs: number): string {
  const until = new Date(hold.until);
  const day = localDay(until) === localDay(new Date(nowMs)) ? "" : `${localDay(until)} `;
  const time = [until.getHours(), until.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
  return `held until ${day}${time} by a person: ${hold.reason}; \`iot-agent release ${deployment}\` ends it`;
}

function localDay(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}
