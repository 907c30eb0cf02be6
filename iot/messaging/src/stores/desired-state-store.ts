// The operator's side of the bucket `desired-state`. Every write, of a Score, a manifest or a
// removal, carries the last sequence of its key that this pass observed, so that an operator that
// is behind is refused (`Conflict`: observe again) instead of overwriting. The operator knows the
// order: Scores, then the manifest; to remove, the manifest first. Writes may
// be in flight together. Whatever stands in the bucket is parsed or reported as unreadable; nothing
// here throws for it or removes it.

import type { Parsed } from "@harmony/core";
import { canonicalJson, parseJson } from "@harmony/schema";
import { BUCKETS, type DeploymentName, type DeviceId, deviceOfKey, keys, Manifest, scoreKeyParts, streamName } from "@iot/contracts";
import type { PublishResult } from "../buckets/acknowledged-publish.ts";
import { type BucketMirror, openBucketMirror } from "../buckets/bucket-mirror.ts";
import { compareAndSet, DELETES } from "../buckets/compare-and-set.ts";
import type { Messaging } from "../connection/connect.ts";
import { asBucketError, type BucketOptions, openJetStream } from "../buckets/ensure-bucket.ts";
import { MessagingError } from "../connection/messaging-error.ts";
import {
  type DesiredStateSnapshot,
  type DesiredStateValue,
  type DesiredStateView,
  DesiredStateViews,
  toSnapshot,
} from "./desired-state-view.ts";

export type WriteResult = PublishResult;

export interface DesiredStateStore {
  /**
   * All keys as they were when this was called, or later; from memory, kept current by one
   * consumer. @throws MessagingError
   */
  observe(signal: AbortSignal): Promise<DesiredStateSnapshot>;
  /** As `observe`, for whoever looks at what changed. It has one reader. */
  view(signal: AbortSignal): Promise<DesiredStateView>;
  /** The manifest that was heard last of a device, from memory; null: there is none. */
  heard(device: DeviceId): Parsed<Manifest> | null;
  /**
   * A hint: something of this device was written, by whomever; null: what failed a moment ago may
   * succeed now.
   */
  onChange(callback: (device: DeviceId | null) => void): void;
  /** `expectedRevision` 0: the key was never written. @throws MessagingError */
  putScore(write: { device: DeviceId; deployment: DeploymentName; scoreString: string; expectedRevision: number }): Promise<WriteResult>;
  /** The manifest is not to be changed afterwards: it is what is observed when it comes back. */
  putManifest(write: { device: DeviceId; manifest: Manifest; expectedRevision: number }): Promise<WriteResult>;
  /** It works where the store is full, too, which takes no mark that something is gone. */
  removeScore(write: { device: DeviceId; deployment: DeploymentName; expectedRevision: number }): Promise<WriteResult>;
  /** For a device that is gone for good: without a manifest it keeps what it runs. */
  removeManifest(write: { device: DeviceId; expectedRevision: number }): Promise<WriteResult>;
  /**
   * Purges marks of Scores that have been gone for so long. One that comes back is named by no
   * manifest, and goes again. A manifest that came back would be followed, so that its mark stays.
   * @throws MessagingError
   */
  purgeMarkers(olderThanMs: number, signal: AbortSignal): Promise<number>;
  /** Why what is observed does not follow the bucket; null: it does. */
  problem(): string | null;
  close(): Promise<void>;
}

/**
 * Makes the bucket when it is missing. @throws MessagingError; `BucketSetting` when it was made in
 * a way that breaks the platform.
 */
export async function openDesiredState(messaging: Messaging, options: BucketOptions): Promise<DesiredStateStore> {
  const callbacks = new Set<(device: DeviceId | null) => void>();
  const hint = (device: DeviceId | null): void => callbacks.forEach((callback) => callback(device));
  const views = new DesiredStateViews();
  const own: OwnManifests = new Map();
  const manifests = new Map<DeviceId, Parsed<Manifest>>();
  const mirror: BucketMirror<DesiredStateValue> = await openBucketMirror<DesiredStateValue>(messaging, {
    ...options,
    bucket: "desired-state",
    decode: decoder(own),
    // Under a Score's key it counts as none, and is written over.
    unreadable: (why) => ({ kind: "manifest", manifest: { ok: false, issues: [{ path: [], message: why }] } }),
    onEntry: (key, entry) => {
      const device = views.hear(key, entry);
      if (device === key && entry?.value?.kind === "manifest") manifests.set(device, entry.value.manifest);
      else if (device === key) manifests.delete(device);
      if (device !== null) hint(device);
    },
    onLeader: () => hint(null),
  });

  const write = (key: string, payload: string, expected: number, headers: Readonly<Record<string, string>> = {}): Promise<WriteResult> =>
    compareAndSet(messaging, mirror, { bucket: "desired-state", key, expected }, payload, headers);
  const remove = (key: string, expected: number): Promise<WriteResult> => write(key, "", expected, DELETES);
  /**
   * Purges up to what was observed, so that what was written since stays; then marks, for whoever
   * follows the bucket. Where there is still no room for the mark, this one reads all again.
   */
  const purge = async (key: string, expectedRevision: number): Promise<WriteResult> => {
    const jsm = await openJetStream(messaging);
    try {
      await jsm.streams.purge(streamName("desired-state"), { filter: `$KV.desired-state.${key}`, seq: expectedRevision + 1 });
      return await remove(key, 0);
    } catch (error) {
      if (!isFull(error)) throw asBucketError(error, `failed to purge "${key}"`);
      mirror.readAgain();
      return { ok: true, revision: 0 };
    }
  };

  return {
    observe: async (signal) => toSnapshot(await mirror.current(signal)),
    view: async (signal) => {
      const entries = await mirror.current(signal);
      return views.take(entries, () => mirror.mark(entries));
    },
    heard: (device) => manifests.get(device) ?? null,
    onChange: (callback) => void callbacks.add(callback),
    putScore: ({ device, deployment, scoreString, expectedRevision }) =>
      write(keys.score(device, deployment), scoreString, expectedRevision),
    putManifest: ({ device, manifest, expectedRevision }) => write(keys.manifest(device), keepOwn(own, device, manifest), expectedRevision),
    removeScore: async ({ device, deployment, expectedRevision }) => {
      const key = keys.score(device, deployment);
      try {
        return await remove(key, expectedRevision);
      } catch (error) {
        if (!isFull(error)) throw error;
        return purge(key, expectedRevision);
      }
    },
    removeManifest: ({ device, expectedRevision }) => remove(keys.manifest(device), expectedRevision),
    purgeMarkers: (olderThanMs, signal) => mirror.purgeMarkers(olderThanMs, (key) => scoreKeyParts(key) !== null, signal),
    problem: () => mirror.problem(),
    close: () => mirror.close(),
  };
}

/**
 * The manifests alone, read once: a fleet's Scores are most of the bucket, and who looks at the
 * fleet needs none. @throws MessagingError, or the signal's reason.
 */
export async function readManifests(
  messaging: Messaging,
  options: BucketOptions,
  signal: AbortSignal,
): Promise<DesiredStateSnapshot["manifests"]> {
  const mirror = await openBucketMirror<DesiredStateValue>(messaging, {
    ...options,
    bucket: "desired-state",
    onlyTopKeys: true,
    decode: decoder(new Map()),
    unreadable: (why) => ({ kind: "manifest", manifest: { ok: false, issues: [{ path: [], message: why }] } }),
  });
  try {
    return toSnapshot(await mirror.current(signal)).manifests;
  } finally {
    await mirror.close();
  }
}

function isFull(error: unknown): boolean {
  return error instanceof MessagingError && error.code === "StoreFull";
}

const MANIFEST_LIMITS = { bytes: BUCKETS["desired-state"].maxValueBytes };

export function manifestOf(data: Uint8Array): Parsed<Manifest> {
  return parseJson(Manifest, data, MANIFEST_LIMITS);
}

/** A cache of the Scores that came last: most of a fleet's are one text. */
const SHARED_CHARACTERS = 8 * 2 ** 20;

/** By key, what was written last and has not come back: its bytes need not be read again. */
type OwnManifests = Map<string, { readonly text: string; readonly manifest: Manifest }>;

/** Its text. */
function keepOwn(own: OwnManifests, device: DeviceId, manifest: Manifest): string {
  const text = canonicalJson(manifest);
  own.set(device, { text, manifest });
  return text;
}

function decoder(own: OwnManifests): (key: string, data: Uint8Array) => DesiredStateValue {
  const shared = new Map<string, DesiredStateValue>();
  let characters = 0;
  /** A text that many devices have is kept once. */
  const score = (scoreString: string): DesiredStateValue => {
    const known = shared.get(scoreString);
    if (known !== undefined) return known;
    const value: DesiredStateValue = { kind: "score", scoreString };
    shared.set(scoreString, value);
    characters += scoreString.length;
    for (const oldest of shared.keys()) {
      if (characters <= SHARED_CHARACTERS) break;
      shared.delete(oldest);
      characters -= oldest.length;
    }
    return value;
  };
  const manifest = (key: string, data: Uint8Array): Parsed<Manifest> => {
    const written = own.get(key);
    own.delete(key);
    if (written !== undefined && new TextDecoder().decode(data) === written.text) return { ok: true, value: written.manifest };
    return manifestOf(data);
  };
  return (key, data) => {
    if (deviceOfKey(key) !== null) return { kind: "manifest", manifest: manifest(key, data) };
    // Bytes that are no text become a string that no Score is equal to, and so are written over.
    if (scoreKeyParts(key) !== null) return score(new TextDecoder().decode(data));
    return { kind: "foreign" };
  };
}
