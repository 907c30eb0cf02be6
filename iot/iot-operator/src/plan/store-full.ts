// Which Deployments wait for room in the store: those whose Score or entry a device was to be given
// and was not. Pure.

import type { DeploymentName, DeviceId } from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import { entryOf, manifestOf } from "./compile.ts";
import type { DesiredStatePlan } from "./plan.ts";
import type { Blocked } from "../sources/reasons.ts";

export function blockedByFullStore(
  { steps, compiled }: Pick<DesiredStatePlan, "steps" | "compiled">,
  desired: DesiredStateSnapshot,
  { why, devices }: { readonly why: string; readonly devices: readonly DeviceId[] },
): Blocked[] {
  const full = new Set(devices);
  const waiting = new Map<string, DeviceId[]>();
  const waits = (device: DeviceId, name: DeploymentName): void => {
    const uid = compiled.devices.get(device)?.get(name)?.uid;
    if (uid !== undefined) waiting.set(uid, [...(waiting.get(uid) ?? []), device]);
  };
  for (const step of steps) {
    if (step.kind !== "put-manifest" || !full.has(step.device)) continue;
    const before = manifestOf(desired, step.device);
    for (const name of compiled.devices.get(step.device)?.keys() ?? [])
      if (step.manifest.deployments[name] !== entryOf(before, name)) waits(step.device, name);
  }
  return [...waiting].map(([subject, [first, ...more]]) => {
    const where = more.length === 0 ? first : `${first} and ${more.length} more`;
    return { subject, reason: "StoreFull", message: `it could not be written for ${where}, which keep what they have: ${why}` };
  });
}
