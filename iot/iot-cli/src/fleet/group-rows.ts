// Rows that say the same of many devices become one: a hundred silent devices are one thing to look
// at. Pure.

import type { DeploymentRow } from "@iot/fleet";

/** A person still reads so many one by one. */
const SHOWN_ONE_BY_ONE = 3;

/** In the order of the rows; each group has one row, or those of more devices than are listed. */
export function groupRows(rows: readonly DeploymentRow[]): readonly (readonly DeploymentRow[])[] {
  const groups = new Map<string, DeploymentRow[]>();
  rows.forEach((row, index) => {
    const key = sameness(row) ?? `row ${index}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  });
  return [...groups.values()].flatMap((group) => (devicesOf(group).length > SHOWN_ONE_BY_ONE ? [group] : group.map((row) => [row])));
}

/** Null: the row stands alone. */
function sameness({ standing, deployment, device, phase, reason, message, offline, lastSeenSeconds }: DeploymentRow): string | null {
  if (standing === "ok") return null;
  if (offline) return "silent";
  if (lastSeenSeconds === null) return "never seen";
  return JSON.stringify([deployment, phase, reason, likeness(message, device)]);
}

/** The text without what differs from device to device: its name, and numbers. */
export function likeness(message: string, device: string): string {
  return message.replaceAll(device, "<device>").replaceAll(/\d+/g, "#");
}

export function devicesOf(rows: readonly Pick<DeploymentRow, "device">[]): readonly string[] {
  return [...new Set(rows.map(({ device }) => device))];
}

/** `pi-1, pi-2, pi-3 and 97 more`. */
export function someOf(names: readonly string[]): string {
  const more = names.length - SHOWN_ONE_BY_ONE;
  return more > 1 ? `${names.slice(0, SHOWN_ONE_BY_ONE).join(", ")} and ${more} more` : names.join(", ");
}
