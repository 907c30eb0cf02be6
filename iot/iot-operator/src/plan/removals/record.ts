// The record of a source as the planner of removals uses it: entries by device and name, against
// Deployments with their devices on the wire. Pure. A record that is missing or cannot be read is
// the empty one: all that the source no longer has is then lost, and stays.

import { createHash } from "node:crypto";
import {
  asDeploymentName,
  asDeviceId,
  BUCKETS,
  type DeploymentName,
  type DeviceId,
  RECORDED_FOR_MS,
  type SourceRemovals,
} from "@iot/contracts";

/** What a device has of an object of the source. */
export interface Entry {
  readonly device: DeviceId;
  readonly name: DeploymentName;
  readonly namespace: string;
  /** The source object's. */
  readonly uid: string;
}

/**
 * A deletion that was seen (deleted by its own name, with its namespace, or no longer asked for),
 * or a consent.
 */
export type How = "by-name" | "collective" | "edit" | "consent";

export interface RemovedEntry extends Entry {
  readonly atMs: number;
  readonly how: How;
  readonly counted: boolean;
  /** Judged, and perhaps not taken out of the manifest yet. */
  readonly due: boolean;
  readonly why: string;
}

export interface HeldEntry extends Entry {
  readonly atMs: number;
  readonly how: How;
  readonly why: string;
}

export interface LostEntry extends Entry {
  readonly reason: string;
  readonly why: string;
}

/** Deletions that are not judged yet. `of`: the token of what was seen. */
export interface Gathering {
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly of: string;
}

export interface RemovalRecord {
  /** The commit of a repository that was followed last. */
  readonly followed: string | null;
  readonly removed: readonly RemovedEntry[];
  readonly held: readonly HeldEntry[];
  readonly lost: readonly LostEntry[];
  readonly gathering: Gathering | null;
  /** Entries that are held or lost and find no room. */
  readonly more: number;
}

export const EMPTY_RECORD: RemovalRecord = { followed: null, removed: [], held: [], lost: [], gathering: null, more: 0 };

export function keyOf({ device, name }: Pick<Entry, "device" | "name">): string {
  return `${device}.${name}`;
}

export function objectOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

export function isSame(a: Entry, b: Entry): boolean {
  return a.device === b.device && a.name === b.name && a.namespace === b.namespace && a.uid === b.uid;
}

/** Stands for exactly these entries. */
export function tokenOf(entries: readonly Entry[]): string {
  const lines = entries.map(lineOf).toSorted();
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 12);
}

/** Those that count: of the last ten minutes. */
export function recentlyRemoved({ removed }: RemovalRecord, nowMs: number): readonly RemovedEntry[] {
  return removed.filter(({ atMs }) => nowMs - atMs < RECORDED_FOR_MS);
}

/**
 * The part of the record's bytes that devices may take; the rest is for what stands around them.
 */
const DEVICES_BYTES = (BUCKETS.sources.maxValueBytes * 3) / 4;
const OBJECT_BYTES = 400;

/**
 * Keeps as much of it as a bucket takes, whatever its order: what goes before what is held, that
 * before what is lost, and of each what `before` has before what is new. What is to go and finds no
 * room stays, and is judged again.
 */
export function fitting(record: RemovalRecord, before: RemovalRecord): RemovalRecord {
  let room = DEVICES_BYTES;
  const fit = <Of extends Entry>(entries: readonly Of[], had: readonly Of[]): readonly Of[] => {
    const known = new Set(had.map(lineOf));
    const objects = new Set<string>();
    const taken = new Set<Of>();
    for (const wanted of [true, false]) {
      for (const entry of entries) {
        if (known.has(lineOf(entry)) !== wanted) continue;
        const { device, namespace, name, uid } = entry;
        room -= device.length + 3 + (objects.has(uid) ? 0 : OBJECT_BYTES + 2 * (namespace.length + name.length + uid.length));
        objects.add(uid);
        if (room >= 0) taken.add(entry);
      }
    }
    return taken.size === entries.length ? entries : entries.filter((entry) => taken.has(entry));
  };
  const removed = fit(record.removed, before.removed);
  const held = fit(record.held, before.held);
  const lost = fit(record.lost, before.lost);
  return { ...record, removed, held, lost, more: record.held.length - held.length + (record.lost.length - lost.length) };
}

/** Whether something is held that finds no room: what is lost comes after it. */
export function isFullOfHeld({ more, lost }: RemovalRecord): boolean {
  return more > 0 && lost.length === 0;
}

function lineOf({ device, namespace, name, uid }: Entry): string {
  return `${device}/${namespace}/${name}/${uid}`;
}

export function encodeRecord(id: string, { followed, gathering, more, ...record }: RemovalRecord): SourceRemovals {
  const removed = grouped(record.removed, ({ device: _, ...of }) => of);
  const held = grouped(record.held, ({ device: _, ...of }) => of);
  const lost = grouped(record.lost, ({ device: _, ...of }) => of);
  const gathered = gathering === null ? null : { ...gathering };
  return { id, followed, removed, held, lost, gathering: gathered, ...(more === 0 ? {} : { more }) };
}

/** One for each of what differs in more than the device. */
function grouped<Of extends Entry, Rest extends object>(
  entries: readonly Of[],
  rest: (entry: Of) => Rest,
): (Rest & { devices: string[] })[] {
  const groups = new Map<string, Rest & { devices: string[] }>();
  for (const entry of entries) {
    const common = rest(entry);
    const key = JSON.stringify(common);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ...common, devices: [entry.device] });
    else group.devices.push(entry.device);
  }
  return [...groups.values()];
}

/**
 * Names that are none (somebody wrote there by hand) are left out: what they named is then lost.
 */
export function decodeRecord(document: SourceRemovals): RemovalRecord {
  const { followed, gathering } = document;
  return {
    followed,
    removed: document.removed.flatMap(({ atMs, how, counted, due, why, ...of }) =>
      each(of, { atMs, how: isHow(how) ? how : ("edit" as const), counted, due, why }),
    ),
    held: document.held.flatMap(({ atMs, how, why, ...of }) => each(of, { atMs, how: isHow(how) ? how : ("edit" as const), why })),
    lost: document.lost.flatMap(({ reason, why, ...of }) => each(of, { reason, why })),
    gathering: gathering === null ? null : { sinceMs: gathering.sinceMs, lastMs: gathering.lastMs, of: gathering.of },
    more: document.more ?? 0,
  };
}

function isHow(text: string): text is How {
  return ["by-name", "collective", "edit", "consent"].includes(text);
}

function each<More extends object>(
  of: { readonly namespace: string; readonly name: string; readonly uid: string; readonly devices: readonly string[] },
  more: More,
): (Entry & More)[] {
  const { namespace, uid } = of;
  try {
    const name = asDeploymentName(of.name);
    return of.devices.map((device) => ({ device: asDeviceId(device), name, namespace, uid, ...more }));
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}
