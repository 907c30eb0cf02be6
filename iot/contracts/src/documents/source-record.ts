// What an operator knows of its source beside the manifests (bucket `sources`): `<key>.state`, how
// well it reads it, and `<key>.removals`, what it removed in the last ten minutes, what it holds
// until a person says, and what it lost. By these and by what the source shows, two operators of
// one source, and one that was killed anywhere, come to the same answer. Entries stand by
// Deployment, as people see them.

import * as z from "zod/mini";

/** How long a removal counts. */
export const RECORDED_FOR_MS = 600_000;

const Milliseconds = z.number();

export const SourceState = z.looseObject({
  id: z.string(),
  /** Of a cluster's kube-system namespace; null: the source is no cluster. */
  clusterUid: z.nullable(z.string()),
  /** A commit or a resourceVersion: what is followed; null: nothing yet. */
  version: z.nullable(z.string()),
  /**
   * Why the newest version is not followed, or nothing can be read; null: it is. With file and line
   * where there are some.
   */
  problem: z.nullable(z.string()),
  /** What waits until a person says, and what is lost: a sentence each, with what to type. */
  held: z.optional(z.nullable(z.string())),
  lost: z.optional(z.nullable(z.string())),
  /** RFC 3339, by the server's clock; null: it cannot be read. */
  readableSince: z.nullable(z.string()),
  /** When an operator of it was heard last, RFC 3339; to a minute. */
  lastSeen: z.string(),
  /** Ids of sources whose names this one may take over. */
  adopts: z.optional(z.array(z.string())),
});
export type SourceState = z.output<typeof SourceState>;

const of = {
  namespace: z.string(),
  name: z.string(),
  /** The source object's. */
  uid: z.string(),
  devices: z.array(z.string()),
};

export const RemovedDeployment = z.looseObject({
  ...of,
  /** By the server's clock, as all times here, in milliseconds. */
  atMs: Milliseconds,
  /** `by-name`, `collective`, `edit`, `consent`. */
  how: z.string(),
  /** Against what may go without asking. */
  counted: z.boolean(),
  /** The manifests may have it still: whoever finds it there takes it out. */
  due: z.boolean(),
  why: z.string(),
});
export type RemovedDeployment = z.output<typeof RemovedDeployment>;

export const HeldDeployment = z.looseObject({ ...of, atMs: Milliseconds, how: z.string(), why: z.string() });
export type HeldDeployment = z.output<typeof HeldDeployment>;

export const LostDeployment = z.looseObject({ ...of, reason: z.string(), why: z.string() });
export type LostDeployment = z.output<typeof LostDeployment>;

export const SourceRemovals = z.looseObject({
  id: z.string(),
  /** Of a repository: the commit that was followed last. */
  followed: z.nullable(z.string()),
  removed: z.array(RemovedDeployment),
  held: z.array(HeldDeployment),
  lost: z.array(LostDeployment),
  /**
   * Deletions that were seen and are not judged yet: since when, when the last one came, and which
   * (a digest).
   */
  gathering: z.nullable(z.looseObject({ sinceMs: Milliseconds, lastMs: Milliseconds, of: z.string() })),
  /** Entries that are held or lost and did not find room. */
  more: z.optional(z.int()),
});
export type SourceRemovals = z.output<typeof SourceRemovals>;
