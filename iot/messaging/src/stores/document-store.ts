// The documents of one bucket, followed in memory and written by compare-and-set. What each key
// holds is the caller's to parse: this knows buckets, and no identities. The last one that was
// heard stays while NATS is away, so that who asks is answered from memory.

import { canonicalJson } from "@harmony/schema";
import type { BucketName } from "@iot/contracts";
import type { PublishResult } from "../buckets/acknowledged-publish.ts";
import { openBucketMirror } from "../buckets/bucket-mirror.ts";
import { compareAndSet, DELETES } from "../buckets/compare-and-set.ts";
import type { BucketOptions } from "../buckets/ensure-bucket.ts";
import type { Messaging } from "../connection/connect.ts";

export interface StoredText {
  /** What the next write expects. */
  readonly revision: number;
  /** null: it was removed. */
  readonly text: string | null;
}

export interface DocumentStore {
  /** The document that was heard last. Undefined: there never was one. */
  heard(key: string): StoredText | undefined;
  /**
   * All, as they were when this was called, or later. @throws MessagingError, or the signal's
   * reason.
   */
  list(signal: AbortSignal): Promise<ReadonlyMap<string, StoredText>>;
  put(key: string, document: unknown, expectedRevision: number): Promise<PublishResult>;
  remove(key: string, expectedRevision: number): Promise<PublishResult>;
  /** Purges marks of keys that have been gone for so long. @throws MessagingError */
  purgeMarkers(olderThanMs: number, signal: AbortSignal): Promise<number>;
  /** Why what was heard may be old; null: the bucket is followed. */
  problem(): string | null;
  close(): Promise<void>;
}

/** Makes the bucket when it is missing, and resolves when all that it holds was heard. */
export async function openDocumentStore(
  messaging: Messaging,
  options: BucketOptions & {
    readonly bucket: BucketName;
    readonly signal: AbortSignal;
    readonly onChange?: (key: string, stored: StoredText | null) => void;
  },
): Promise<DocumentStore> {
  const { bucket, signal, onChange } = options;
  const held = new Map<string, StoredText>();
  const mirror = await openBucketMirror<string>(messaging, {
    ...options,
    decode: (_key, data) => new TextDecoder().decode(data),
    unreadable: () => "",
    onEntry: (key, entry) => {
      const stored = entry === null ? null : { revision: entry.revision, text: entry.value };
      if (stored === null) held.delete(key);
      else held.set(key, stored);
      onChange?.(key, stored);
    },
  });
  await mirror.current(signal);
  return {
    heard: (key) => held.get(key),
    list: async (aborted) =>
      new Map([...(await mirror.current(aborted))].map(([key, { revision, value }]) => [key, { revision, text: value }])),
    put: (key, document, expected) => compareAndSet(messaging, mirror, { bucket, key, expected }, canonicalJson(document)),
    remove: (key, expected) => compareAndSet(messaging, mirror, { bucket, key, expected }, "", DELETES),
    purgeMarkers: (olderThanMs, aborted) => mirror.purgeMarkers(olderThanMs, aborted),
    problem: () => mirror.problem(),
    close: () => mirror.close(),
  };
}
