// The operator's side of the bucket `desired-state`. Every write, of a Score, a manifest or a
// removal, carries the last sequence of its key that this pass observed, so that an operator that
// is behind is refused (`Conflict`: observe again) instead of overwriting. The operator knows the
// order: Scores, then the manifest; to remove, the manifest first. Writes may
// be in flight together. Whatever stands in the bucket is parsed or reported as unreadable; nothing
// here throws for it or removes it.

import type { Parsed } from "@harmony/core";
import { canonicalJson, parseJson } from "@harmony/schema";
import {
  BUCKETS,
  type DeploymentName,
  type DeviceId,
  deviceOfKey,
  emptyManifest,
  Manifest,
  scoreKeyParts,
  streamName,
  subjects,
} from "@iot/contracts";
import { publishAcknowledged, type PublishResult } from "../buckets/acknowledged-publish.ts";
import { type BucketMirror, type MirroredEntry, openBucketMirror } from "../buckets/bucket-mirror.ts";
import type { Messaging } from "../connection/connect.ts";
import { asBucketError, type BucketOptions, openJetStream } from "../buckets/ensure-bucket.ts";
import { MessagingError } from "../connection/messaging-error.ts";

export type WriteResult = PublishResult;

export interface DesiredStateSnapshot {
  /**
   * `revision`: the last sequence of the key, delete markers counted; what the next write expects.
   * No entry: never written, expect 0.
   */
  readonly manifests: ReadonlyMap<DeviceId, { readonly revision: number; readonly manifest: Parsed<Manifest> }>;
  /** By `<device>.<deployment>`; `scoreString` null: deleted. */
  readonly scores: ReadonlyMap<string, { readonly revision: number; readonly scoreString: string | null }>;
  /** Keys that are neither a manifest's nor a Score's. */
  readonly foreignKeys: readonly string[];
}

export interface DesiredStateStore {
  /**
   * All keys as they were when this was called, or later; from memory, kept current by one
   * consumer. The same object as before when nothing was written. @throws MessagingError
   */
  observe(signal: AbortSignal): Promise<DesiredStateSnapshot>;
  /** A hint: something of this device was written, by whomever. */
  onChange(callback: (device: DeviceId) => void): void;
  /** `expectedRevision` 0: the key was never written. @throws MessagingError */
  putScore(write: { device: DeviceId; deployment: DeploymentName; scoreString: string; expectedRevision: number }): Promise<WriteResult>;
  putManifest(write: { device: DeviceId; manifest: Manifest; expectedRevision: number }): Promise<WriteResult>;
  /** It works where the store is full, too, which takes no mark that something is gone. */
  removeScore(write: { device: DeviceId; deployment: DeploymentName; expectedRevision: number }): Promise<WriteResult>;
  /** Why what is observed does not follow the bucket; null: it does. */
  problem(): string | null;
  close(): Promise<void>;
}

type Value =
  | { readonly kind: "manifest"; readonly manifest: Parsed<Manifest> }
  | { readonly kind: "score"; readonly scoreString: string }
  | { readonly kind: "foreign" };

/**
 * Makes the bucket when it is missing. @throws MessagingError; `BucketSetting` when it was made in
 * a way that breaks the platform.
 */
export async function openDesiredState(messaging: Messaging, options: BucketOptions): Promise<DesiredStateStore> {
  const callbacks = new Set<(device: DeviceId) => void>();
  const publish = (key: string): void => {
    const device = deviceOfKey(key) ?? scoreKeyParts(key)?.device;
    if (device !== undefined) for (const callback of callbacks) callback(device);
  };
  const mirror: BucketMirror<Value> = await openBucketMirror<Value>(messaging, {
    ...options,
    bucket: "desired-state",
    decode: decoder(),
    // Under a Score's key it counts as none, and is written over.
    unreadable: (why) => ({ kind: "manifest", manifest: { ok: false, issues: [{ path: [], message: why }] } }),
    onEntry: publish,
  });

  let last: { readonly changes: number; readonly snapshot: DesiredStateSnapshot } | null = null;
  const observe = async (signal: AbortSignal): Promise<DesiredStateSnapshot> => {
    const entries = await mirror.current(signal);
    const changes = mirror.changes();
    if (last?.changes !== changes) last = { changes, snapshot: toSnapshot(entries) };
    return last.snapshot;
  };

  const write = (subject: string, payload: string, expectedRevision: number, headers: Record<string, string> = {}): Promise<WriteResult> =>
    publishAcknowledged(messaging, { bucket: "desired-state", subject }, payload, {
      headers: { ...headers, "Nats-Expected-Last-Subject-Sequence": String(expectedRevision) },
    });

  const remove = (subject: string, expectedRevision: number): Promise<WriteResult> =>
    write(subject, "", expectedRevision, { "KV-Operation": "DEL" });
  /**
   * Purges up to what was observed, so that what was written since stays; then marks, for whoever
   * follows the bucket. Where there is still no room for the mark, this one reads all again.
   */
  const purge = async (subject: string, expectedRevision: number): Promise<WriteResult> => {
    const jsm = await openJetStream(messaging);
    try {
      await jsm.streams.purge(streamName("desired-state"), { filter: subject, seq: expectedRevision + 1 });
      return await remove(subject, 0);
    } catch (error) {
      if (!isFull(error)) throw asBucketError(error, `failed to purge "${subject}"`);
      mirror.readAgain();
      return { ok: true, revision: 0 };
    }
  };

  return {
    observe,
    onChange: (callback) => void callbacks.add(callback),
    putScore: ({ device, deployment, scoreString, expectedRevision }) =>
      write(subjects.score(device, deployment), scoreString, expectedRevision),
    putManifest: ({ device, manifest, expectedRevision }) => write(subjects.manifest(device), canonicalJson(manifest), expectedRevision),
    removeScore: async ({ device, deployment, expectedRevision }) => {
      const subject = subjects.score(device, deployment);
      try {
        return await remove(subject, expectedRevision);
      } catch (error) {
        if (!isFull(error)) throw error;
        return purge(subject, expectedRevision);
      }
    },
    problem: () => mirror.problem(),
    close: () => mirror.close(),
  };
}

function isFull(error: unknown): boolean {
  return error instanceof MessagingError && error.code === "StoreFull";
}

const MANIFEST_LIMITS = { bytes: BUCKETS["desired-state"].maxValueBytes };

/** A cache of the Scores that came last: most of a fleet's are one text. */
const SHARED_CHARACTERS = 8 * 2 ** 20;

function decoder(): (key: string, data: Uint8Array) => Value {
  const shared = new Map<string, Value>();
  let characters = 0;
  /** A text that many devices have is kept once. */
  const score = (scoreString: string): Value => {
    const known = shared.get(scoreString);
    if (known !== undefined) return known;
    const value: Value = { kind: "score", scoreString };
    shared.set(scoreString, value);
    characters += scoreString.length;
    for (const oldest of shared.keys()) {
      if (characters <= SHARED_CHARACTERS) break;
      shared.delete(oldest);
      characters -= oldest.length;
    }
    return value;
  };
  return (key, data) => {
    if (deviceOfKey(key) !== null) return { kind: "manifest", manifest: parseJson(Manifest, data, MANIFEST_LIMITS) };
    // Bytes that are no text become a string that no Score is equal to, and so are written over.
    if (scoreKeyParts(key) !== null) return score(new TextDecoder().decode(data));
    return { kind: "foreign" };
  };
}

function toSnapshot(entries: ReadonlyMap<string, MirroredEntry<Value>>): DesiredStateSnapshot {
  const manifests = new Map<DeviceId, { revision: number; manifest: Parsed<Manifest> }>();
  const scores = new Map<string, { revision: number; scoreString: string | null }>();
  const foreignKeys: string[] = [];
  for (const [key, { revision, value }] of entries) {
    const device = deviceOfKey(key);
    if (device !== null) {
      const manifest: Parsed<Manifest> = value?.kind === "manifest" ? value.manifest : { ok: true, value: emptyManifest() };
      manifests.set(device, { revision, manifest });
    } else if (scoreKeyParts(key) !== null) {
      scores.set(key, { revision, scoreString: value?.kind === "score" ? value.scoreString : null });
    } else if (value !== null) {
      foreignKeys.push(key);
    }
  }
  return { manifests, scores, foreignKeys };
}
