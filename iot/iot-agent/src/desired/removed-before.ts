// What this device has removed: the last names, each with the object and its generation. Nothing
// rises from the dead by it. A store that was put back from an older copy names again what was
// deleted since, and that is not started unless the object has changed or a person asks. Pure.

import type { DeploymentName, ManifestEntry } from "@iot/contracts";
import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";

export const REMOVED_KEPT = 64;

export const RemovedName = z.looseObject({
  name: DnsLabel,
  /** The source object's. Empty: it was not known. */
  uid: z.string(),
  generation: z.number(),
  /** RFC 3339, by the device's clock. */
  at: z.string(),
});
export type RemovedName = z.output<typeof RemovedName>;

/** The oldest first. */
export type RemovedNames = readonly RemovedName[];

export function remember(
  removed: RemovedNames,
  { name, entry, at }: { readonly name: DeploymentName; readonly entry: ManifestEntry; readonly at: string },
): RemovedNames {
  const { uid, generation } = entry;
  return [...forget(removed, name), { name, uid, generation, at }].slice(-REMOVED_KEPT);
}

export function forget(removed: RemovedNames, name: DeploymentName): RemovedNames {
  return removed.filter((one) => one.name !== name);
}

/** Undefined: it may start. What has a Score in hand was started since, or is there still. */
export function removedBefore(
  removed: RemovedNames,
  name: DeploymentName,
  { entry, score }: { readonly entry: ManifestEntry; readonly score: object | null },
): RemovedName | undefined {
  if (score !== null) return undefined;
  return removed.find((one) => one.name === name && one.uid === entry.uid && entry.generation <= one.generation);
}
