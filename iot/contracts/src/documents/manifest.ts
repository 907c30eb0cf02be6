// The manifest of one device (bucket `desired-state`, key `<device>`), which lists its deployments.
// It makes the set, and so a removal, explicit; only a manifest that was read and parsed can remove
// a workload. It is loose, so that an older agent reads a newer operator's.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";

const Revision = z.int().check(z.nonnegative());

export const ManifestEntry = z.looseObject({
  /** The KV revision of this deployment's Score: the Score is applied at exactly this revision. */
  revision: Revision,
  /**
   * Rises with every change of the source object; never goes back for one `uid` (for git: never to
   * an ancestor commit).
   */
  generation: Revision,
  /** The uid of the source object; a new object of the same name has another. */
  uid: z.string(),
  /** The id of the operator's source: an operator touches only its own entries. */
  source: z.string(),
  namespace: z.string(),
  commit: z.optional(z.string()),
  /** RFC 3339: when it was committed, by the clock of who did; when an operator saw it, by NATS'. */
  committedAt: z.optional(z.string()),
  observedAt: z.optional(z.string()),
  /** RFC 3339; creation of the source object. When two claim one name, the older keeps it. */
  createdAt: z.optional(z.string()),
});
export type ManifestEntry = z.output<typeof ManifestEntry>;

/**
 * Why an entry is no longer in a manifest. It says nothing of a workload of another namespace or
 * another source that has the name on the device.
 */
export const RemovalMark = z.looseObject({
  /** The source object whose entry it was, its namespace, and the id of its source. */
  uid: z.string(),
  namespace: z.optional(z.string()),
  source: z.optional(z.string()),
  /**
   * The entry's. What the device has of a higher one was asked for again: a store that was put
   * back to an older copy does not know that.
   */
  generation: z.optional(z.int()),
  /** RFC 3339, by the server's clock. */
  at: z.string(),
  /** One sentence for a person. */
  why: z.string(),
});
export type RemovalMark = z.output<typeof RemovalMark>;

export const Manifest = z.looseObject({
  /**
   * The sources that have written here. An agent removes an entry only if the entry's source is
   * listed.
   */
  sources: z.array(z.string()),
  deployments: z.record(DnsLabel, ManifestEntry),
  /**
   * What the device is to remove, until it says that it has it no longer. Absent: written by 0.1,
   * where what is missing is removed.
   */
  removed: z.optional(z.record(DnsLabel, RemovalMark)),
});
export type Manifest = z.output<typeof Manifest>;

export function emptyManifest(): Manifest {
  return { sources: [], deployments: {}, removed: {} };
}
