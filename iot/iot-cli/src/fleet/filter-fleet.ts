// The part of a fleet that a person asks for: devices, deployments, and what is wrong. Pure.

import { UserError } from "@harmony/runtime";
import { nearName } from "@harmony/schema";
import type { FleetView } from "./read-fleet.ts";

export interface FleetFilter {
  /** Names, in which `*` stands for any text; empty: all. */
  readonly devices: readonly string[];
  readonly deployments: readonly string[];
  /** Only what is not as it should be. */
  readonly onlyProblems: boolean;
}

/** @throws UserError for a name that the fleet does not have. */
export function filterFleet(fleet: FleetView, { devices, deployments, onlyProblems }: FleetFilter): FleetView {
  const isDevice = matcher(
    "device",
    devices,
    fleet.devices.map(({ device }) => device),
  );
  const isDeployment = matcher(
    "deployment",
    deployments,
    fleet.deployments.map(({ deployment }) => deployment),
  );
  const rows = fleet.deployments.filter(
    (row) => isDevice(row.device) && isDeployment(row.deployment) && (!onlyProblems || row.standing === "problem"),
  );
  const shown = new Set(rows.map(({ device }) => device));
  const isNamed = (device: string): boolean => deployments.length === 0 && isDevice(device);
  return {
    ...fleet,
    deployments: rows,
    devices: fleet.devices.filter(
      ({ device, problem, offline }) => shown.has(device) || (isNamed(device) && (!onlyProblems || problem !== null || offline)),
    ),
  };
}

function matcher(what: string, patterns: readonly string[], known: readonly string[]): (name: string) => boolean {
  const names = new Set(known);
  const unknown = patterns.find((pattern) => !pattern.includes("*") && !names.has(pattern));
  if (unknown !== undefined) {
    const near = nearName(unknown, [...names]);
    throw new UserError(`there is no ${what} "${unknown}"${near === null ? "" : `, and there is ${near}`}: iot status shows all`);
  }
  return (name) => patterns.length === 0 || patterns.some((pattern) => matches(name, pattern.split("*")));
}

/** Whether the parts stand in the name one after another, the first and the last at its ends. */
function matches(name: string, [first = "", ...others]: readonly string[]): boolean {
  const last = others.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of others) {
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > name.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}
