// What became of a Deployment on its devices, as Events beside it: from the status that stood there
// and the one that is written in its place, so it comes no more often than the status, and says of
// all devices together. Pure.

import { ENVELOPE_LIMITS, parse } from "@harmony/schema";
import { type DeploymentAggregate, DeploymentStatus } from "@iot/contracts";
import type { ObjectNews, SourceObject } from "../source.ts";

type News = Omit<ObjectNews, keyof SourceObject>;

/** `standing`: the status as the cluster has it, of whatever version. */
export function deviceNews({ uid, namespace, name }: SourceObject, standing: unknown, written: DeploymentStatus): ObjectNews[] {
  const parsed = parse(DeploymentStatus, standing ?? {}, ENVELOPE_LIMITS);
  const before = parsed.ok ? parsed.value.aggregate : undefined;
  const { aggregate } = written;
  if (aggregate === undefined) return [];
  return newsOf(before, aggregate).map((news) => ({ uid, namespace, name, ...news }));
}

function newsOf(before: DeploymentAggregate | undefined, now: DeploymentAggregate): News[] {
  const { devices, running, offline, failures } = now;
  const devicesBefore = new Map(before?.failures.map((group) => [group.reason, group.devices]));
  const worse = failures.filter((group) => group.devices > (devicesBefore.get(group.reason) ?? 0));
  const failed = worse.map(({ reason, message, devices: count, examples }) => {
    const more = count > examples.length ? " …" : "";
    return `${reason} on ${count} of ${devices} (${examples.join(", ")}${more}): ${message}`;
  });
  const isAll = devices > 0 && running === devices;
  const wasAll = before !== undefined && before.devices > 0 && before.running === before.devices;
  return [
    ...(failed.length === 0 ? [] : [{ isWarning: true, reason: "DevicesFailed" as const, message: failed.join("; ") }]),
    ...(offline > (before?.offline ?? 0)
      ? [{ isWarning: true, reason: "DevicesOffline" as const, message: `${offline} of ${devices} devices are silent` }]
      : []),
    ...(isAll && !wasAll ? [{ isWarning: false, reason: "DevicesRunning" as const, message: `all of ${devices} devices run it` }] : []),
  ];
}
