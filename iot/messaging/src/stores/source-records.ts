// The records of the operators' sources (bucket `sources`): how well each is read, and what it
// removed, holds and lost. Every write is a compare-and-set on what was observed, so that only one
// of two operators of one source writes. What cannot be read counts as none, and is written over.

import { createHash } from "node:crypto";
import { canonicalJson, parseJson } from "@harmony/schema";
import { BUCKETS, SourceRemovals, SourceState } from "@iot/contracts";
import type { PublishResult } from "../buckets/acknowledged-publish.ts";
import { type BucketMirror, type MirroredEntry, openBucketMirror } from "../buckets/bucket-mirror.ts";
import { compareAndSet, DELETES } from "../buckets/compare-and-set.ts";
import type { BucketOptions } from "../buckets/ensure-bucket.ts";
import type { Messaging } from "../connection/connect.ts";

export interface Recorded<Document> {
  /** What the next write expects; 0: there never was one. */
  readonly revision: number;
  /** null: there is none, or none that can be read. */
  readonly document: Document | null;
}

export interface SourceRecord {
  readonly state: Recorded<SourceState>;
  readonly removals: Recorded<SourceRemovals>;
}

export interface SourceRecords {
  /**
   * The records of all sources, by their ids, as they were when this was called, or later. @throws
   * MessagingError
   */
  observe(signal: AbortSignal): Promise<ReadonlyMap<string, SourceRecord>>;
  /** A hint: something was written, by whomever, or what failed a moment ago may succeed now. */
  onChange(callback: () => void): void;
  putState(state: SourceState, expectedRevision: number): Promise<PublishResult>;
  putRemovals(removals: SourceRemovals, expectedRevision: number): Promise<PublishResult>;
  /** Takes a source out of what people see. @throws MessagingError */
  forget(id: string, record: SourceRecord): Promise<PublishResult>;
  /** Purges marks of sources that have been forgotten for so long. @throws MessagingError */
  purgeMarkers(olderThanMs: number, signal: AbortSignal): Promise<number>;
  /** The server's clock. */
  nowMs(): number;
  /** Why what is observed does not follow the bucket; null: it does. */
  problem(): string | null;
  close(): Promise<void>;
}

export const NO_RECORD: SourceRecord = { state: { revision: 0, document: null }, removals: { revision: 0, document: null } };

type Value =
  | { readonly kind: "state"; readonly state: SourceState }
  | { readonly kind: "removals"; readonly removals: SourceRemovals }
  | null;

/** An id may hold anything, and a key may not. */
export function sourceKey(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 10);
}

/** Makes the bucket when it is missing. @throws MessagingError */
export async function openSourceRecords(messaging: Messaging, options: BucketOptions): Promise<SourceRecords> {
  const callbacks = new Set<() => void>();
  const hint = (): void => {
    for (const callback of callbacks) callback();
  };
  const mirror: BucketMirror<{ readonly value: Value }> = await openBucketMirror<{ readonly value: Value }>(messaging, {
    ...options,
    bucket: "sources",
    decode: (key, data) => ({ value: decode(key, data) }),
    unreadable: () => ({ value: null }),
    onEntry: hint,
    onLeader: hint,
  });
  const put = (key: string, payload: string, expected: number, headers: Readonly<Record<string, string>> = {}): Promise<PublishResult> =>
    compareAndSet(messaging, mirror, { bucket: "sources", key, expected }, payload, headers);
  return {
    observe: async (signal) => byId(await mirror.current(signal)),
    onChange: (callback) => void callbacks.add(callback),
    putState: (state, expected) => put(`${sourceKey(state.id)}.state`, canonicalJson(state), expected),
    putRemovals: (removals, expected) => put(`${sourceKey(removals.id)}.removals`, canonicalJson(removals), expected),
    forget: async (id, { state, removals }) => {
      const first = await put(`${sourceKey(id)}.removals`, "", removals.revision, DELETES);
      return first.ok ? put(`${sourceKey(id)}.state`, "", state.revision, DELETES) : first;
    },
    purgeMarkers: (olderThanMs, signal) => mirror.purgeMarkers(olderThanMs, signal),
    nowMs: () => mirror.nowMs(),
    problem: () => mirror.problem(),
    close: () => mirror.close(),
  };
}

const LIMITS = { bytes: BUCKETS.sources.maxValueBytes };

function decode(key: string, data: Uint8Array): Value {
  if (key.endsWith(".state")) {
    const state = parseJson(SourceState, data, LIMITS);
    return state.ok && `${sourceKey(state.value.id)}.state` === key ? { kind: "state", state: state.value } : null;
  }
  const removals = parseJson(SourceRemovals, data, LIMITS);
  return removals.ok && `${sourceKey(removals.value.id)}.removals` === key ? { kind: "removals", removals: removals.value } : null;
}

function byId(entries: ReadonlyMap<string, MirroredEntry<{ readonly value: Value }>>): ReadonlyMap<string, SourceRecord> {
  const byKey = new Map<string, SourceRecord>();
  const ids = new Map<string, string>();
  for (const [key, { revision, value: entry }] of entries) {
    const value = entry?.value ?? null;
    const dot = key.lastIndexOf(".");
    const [source, part] = [key.slice(0, dot), key.slice(dot + 1)];
    const record = byKey.get(source) ?? NO_RECORD;
    if (part === "state") byKey.set(source, { ...record, state: { revision, document: value?.kind === "state" ? value.state : null } });
    if (part === "removals")
      byKey.set(source, { ...record, removals: { revision, document: value?.kind === "removals" ? value.removals : null } });
    const id = value?.kind === "state" ? value.state.id : value?.kind === "removals" ? value.removals.id : undefined;
    if (id !== undefined) ids.set(source, id);
  }
  // A source none of whose documents can be read stands under its key.
  return new Map([...byKey].map(([source, record]) => [ids.get(source) ?? source, record]));
}
