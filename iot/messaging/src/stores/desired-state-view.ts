// The bucket `desired-state` as it was at one moment, all of it or some devices, and which devices
// were written since the moment before. A moment costs nothing: entries live on in the mirror, and
// one that is newer than the moment gives the reading away. Nothing is asked of the server here.

import type { Parsed } from "@harmony/core";
import { type DeviceId, deviceOfKey, emptyManifest, keys, type Manifest, scoreKeyParts } from "@iot/contracts";
import type { MirroredEntry } from "../buckets/bucket-mirror.ts";

export interface HeldManifest {
  readonly revision: number;
  /** Of one that is gone: an empty one. */
  readonly manifest: Parsed<Manifest>;
  /** The device was forgotten. */
  readonly isGone?: boolean;
}

export interface DesiredStateSnapshot {
  /**
   * `revision`: the last sequence of the key, delete markers counted; what the next write expects.
   * No entry: never written, expect 0.
   */
  readonly manifests: ReadonlyMap<DeviceId, HeldManifest>;
  /** By `<device>.<deployment>`; `scoreString` null: deleted. */
  readonly scores: ReadonlyMap<string, { readonly revision: number; readonly scoreString: string | null }>;
  /** Keys that are neither a manifest's nor a Score's. */
  readonly foreignKeys: readonly string[];
}

/** The bucket at one moment. It costs nothing until it is read. */
export interface DesiredStateView {
  /** Devices of which something was written since the view before; null: any of them may have. */
  readonly changed: ReadonlySet<DeviceId> | null;
  /** These devices, or all, as they were at that moment; null: something of them has been written since. */
  read(devices: ReadonlySet<DeviceId> | "all"): DesiredStateSnapshot | null;
}

export type DesiredStateValue =
  | { readonly kind: "manifest"; readonly manifest: Parsed<Manifest> }
  | { readonly kind: "score"; readonly scoreString: string }
  | { readonly kind: "foreign" };

type Entries = ReadonlyMap<string, MirroredEntry<DesiredStateValue>>;

export class DesiredStateViews {
  /** By device, the keys of its Scores. */
  readonly #scoreKeys = new Map<DeviceId, Set<string>>();
  /** Since the last view; null: any may be. */
  #changed: Set<DeviceId> | null = null;
  #seen: Entries | null = null;

  /** Whose entry it is. */
  hear(key: string, entry: MirroredEntry<DesiredStateValue> | null): DeviceId | null {
    const parts = scoreKeyParts(key);
    const device = deviceOfKey(key) ?? parts?.device ?? null;
    if (device === null) this.#changed = null;
    else {
      if (parts !== null) this.#keep(device, key, entry !== null);
      this.#changed?.add(device);
    }
    return device;
  }

  /** `mark`: the highest revision of these entries; null: they are no longer followed. */
  take(entries: Entries, mark: () => number | null): DesiredStateView {
    const now = mark();
    // Entries that were read anew may lack what was there before.
    const changed = this.#seen === entries ? this.#changed : null;
    this.#seen = entries;
    this.#changed = new Set();
    return {
      changed,
      read: (devices) =>
        now === null || mark() === null ? null : toSnapshot(entries, devices === "all" ? entries.keys() : this.#keysOf(devices), now),
    };
  }

  #keep(device: DeviceId, key: string, isThere: boolean): void {
    const known = this.#scoreKeys.get(device) ?? new Set();
    this.#scoreKeys.set(device, known);
    if (isThere) known.add(key);
    else known.delete(key);
  }

  *#keysOf(devices: ReadonlySet<DeviceId>): Generator<string> {
    for (const device of devices) {
      yield keys.manifest(device);
      yield* this.#scoreKeys.get(device) ?? [];
    }
  }
}

/** null: one of them is newer than `mark`. */
export function toSnapshot(entries: Entries): DesiredStateSnapshot;
export function toSnapshot(entries: Entries, only: Iterable<string>, mark: number): DesiredStateSnapshot | null;
export function toSnapshot(entries: Entries, only: Iterable<string> = entries.keys(), mark = Infinity): DesiredStateSnapshot | null {
  const manifests = new Map<DeviceId, HeldManifest>();
  const scores = new Map<string, { revision: number; scoreString: string | null }>();
  const foreignKeys: string[] = [];
  for (const key of only) {
    const entry = entries.get(key);
    if (entry === undefined) continue;
    const { revision, value } = entry;
    if (revision > mark) return null;
    const device = deviceOfKey(key);
    if (device !== null) {
      const manifest: Parsed<Manifest> = value?.kind === "manifest" ? value.manifest : { ok: true, value: emptyManifest() };
      manifests.set(device, { revision, manifest, ...(entry.isMarker ? { isGone: true } : {}) });
    } else if (scoreKeyParts(key) !== null) {
      scores.set(key, { revision, scoreString: value?.kind === "score" ? value.scoreString : null });
    } else if (value !== null) {
      foreignKeys.push(key);
    }
  }
  return { manifests, scores, foreignKeys };
}
