// One entry of a manifest beside the Deployment that it is to say: whether it says it already, and
// what it is to be. Pure.

import type { ManifestEntry } from "@iot/contracts";
import type { CompleteSnapshot, SourceDeployment } from "../sources/source.ts";

/**
 * A reading that may come from a cache never takes an entry back to an earlier generation of the
 * same object.
 */
export function isNewer(entry: ManifestEntry, { uid, generation }: SourceDeployment, source: CompleteSnapshot): boolean {
  return source.authoritative !== true && entry.uid === uid && entry.generation > generation;
}

/**
 * The generation of a git source is the branch's: it alone is no change, or each push would wake
 * every device.
 */
export function isCurrent(
  entry: ManifestEntry,
  { uid, namespace, generation, commit }: SourceDeployment,
  at: { revision: number; sourceId: string },
): boolean {
  return (
    entry.revision === at.revision &&
    entry.source === at.sourceId &&
    entry.uid === uid &&
    entry.namespace === namespace &&
    (commit !== undefined || entry.generation === generation)
  );
}

export function entryFor(
  entry: ManifestEntry | undefined,
  deployment: SourceDeployment,
  at: { revision: number; sourceId: string; nowMs: number },
): ManifestEntry {
  const { uid, generation, namespace, createdAt, commit, committedAt } = deployment;
  // Fields that others set on it live as long as the object.
  const { commit: _, committedAt: __, ...kept } = entry?.uid === uid ? entry : {};
  return {
    ...kept,
    revision: at.revision,
    generation,
    uid,
    source: at.sourceId,
    namespace,
    createdAt,
    observedAt: new Date(at.nowMs).toISOString(),
    ...(committedAt === undefined ? {} : { committedAt }),
    ...(commit === undefined ? {} : { commit }),
  };
}
