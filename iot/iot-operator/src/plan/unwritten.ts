// Which Deployments wait for a write that NATS did not take, since the store is full or the
// manifest too large: those whose Score or entry a device was to be given and was not. Pure.

import type { DeploymentName, DeviceId } from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import { entryOf, manifestOf } from "./compile.ts";
import type { DesiredStatePlan } from "./plan.ts";
import type { Blocked } from "../sources/reasons.ts";

export interface Unwritten {
  readonly reason: "StoreFull" | "ManifestTooLarge";
  /** A sentence with the cure. */
  readonly why: string;
  readonly devices: readonly DeviceId[];
}

export function blockedByStore(
  { steps, compiled }: Pick<DesiredStatePlan, "steps" | "compiled">,
  desired: DesiredStateSnapshot,
  { reason, why, devices }: Unwritten,
): Blocked[] {
  const of = new Set(devices);
  const waiting = new Map<string, DeviceId[]>();
  const waits = (device: DeviceId, name: DeploymentName): void => {
    const uid = compiled.devices.get(device)?.get(name)?.uid;
    if (uid !== undefined) waiting.set(uid, [...(waiting.get(uid) ?? []), device]);
  };
  for (const step of steps) {
    if (step.kind !== "put-manifest" || !of.has(step.device)) continue;
    const before = manifestOf(desired, step.device);
    for (const name of compiled.devices.get(step.device)?.keys() ?? [])
      if (step.manifest.deployments[name] !== entryOf(before, name)) waits(step.device, name);
  }
  return [...waiting].map(([subject, [first, ...more]]) => {
    const where = more.length === 0 ? `${first}, which keeps what it has` : `${first} and ${more.length} more, which keep what they have`;
    return { subject, reason, message: `it could not be written for ${where}: ${why}` };
  });
}
