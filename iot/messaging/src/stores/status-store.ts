// What the devices say of themselves, for the operator and the command line: the buckets `status`
// and `inventory`. Ages are by the server's time stamps and the server's clock, for a device's own
// clock may be years off. The key says whose an entry is; a document that claims to be another
// device's, or that does not parse, is reported as unreadable under that key.

import type { Issue, Parsed } from "@harmony/core";
import {
  type BucketName,
  type DeviceId,
  type DeviceInventory,
  deviceOfKey,
  type DeviceStatus,
  readInventory,
  readStatus,
} from "@iot/contracts";
import { type BucketMirror, type MirroredEntry, openBucketMirror } from "../buckets/bucket-mirror.ts";
import type { Messaging } from "../connection/connect.ts";
import type { BucketOptions } from "../buckets/ensure-bucket.ts";

interface Reported {
  readonly device: DeviceId;
  /** The server's time stamp. */
  readonly receivedAtMs: number;
  /** The server's clock when the entry was given: `nowMs - receivedAtMs` is its age. */
  readonly nowMs: number;
}

export interface StatusEntry extends Reported {
  readonly status: Parsed<DeviceStatus>;
}

export interface InventoryEntry extends Reported {
  readonly inventory: Parsed<DeviceInventory>;
}

/** What is watched gives the current ones first, then every change, until aborted. */
type Watch<Entry> = (callback: (entry: Entry) => void, signal: AbortSignal, onRemoved?: (device: DeviceId) => void) => Promise<void>;

export interface StatusStore {
  /** Resolves when the current ones were all given. */
  readonly watch: Watch<StatusEntry>;
  list(signal: AbortSignal): Promise<StatusEntry[]>;
  /** Why what is watched does not follow the bucket; null: it does, or nobody watches. */
  problem(): string | null;
}

export interface InventoryStore {
  readonly watch: Watch<InventoryEntry>;
  list(signal: AbortSignal): Promise<InventoryEntry[]>;
}

/**
 * Makes the bucket when it is missing, without roll-ups. @throws MessagingError, as
 * `openDesiredState`.
 */
export async function openStatusStore(messaging: Messaging, options: BucketOptions): Promise<StatusStore> {
  const store = await openDocuments(messaging, options, "status", statusOf);
  return {
    watch: (callback, signal, onRemoved) =>
      store.watch(({ value, ...reported }) => callback({ ...reported, status: value }), signal, onRemoved),
    list: async (signal) => (await store.list(signal)).map(({ value, ...reported }) => ({ ...reported, status: value })),
    problem: store.problem,
  };
}

/** Like openStatusStore, for inventories. */
export async function openInventoryStore(messaging: Messaging, options: BucketOptions): Promise<InventoryStore> {
  const store = await openDocuments(messaging, options, "inventory", inventoryOf);
  return {
    watch: (callback, signal, onRemoved) =>
      store.watch(({ value, ...reported }) => callback({ ...reported, inventory: value }), signal, onRemoved),
    list: async (signal) => (await store.list(signal)).map(({ value, ...reported }) => ({ ...reported, inventory: value })),
  };
}

interface Documents<Document> {
  readonly watch: Watch<Reported & { readonly value: Parsed<Document> }>;
  list(signal: AbortSignal): Promise<(Reported & { value: Parsed<Document> })[]>;
  problem(): string | null;
}

async function openDocuments<Document>(
  messaging: Messaging,
  options: BucketOptions,
  bucket: "status" | "inventory",
  decode: (key: string, data: Uint8Array) => Parsed<Document>,
): Promise<Documents<Document>> {
  const open = documents(messaging, options, bucket, decode);
  await (await open()).close();
  const watched = new Set<BucketMirror<Parsed<Document>>>();
  return {
    watch: async (callback, signal, onRemoved) => {
      signal.throwIfAborted();
      const mirror = await open((key, entry) => {
        const device = deviceOfKey(key);
        if (device === null || signal.aborted) return;
        if (entry === null || entry.value === null) onRemoved?.(device);
        else callback({ device, receivedAtMs: entry.writtenAtMs, nowMs: mirror.nowMs(), value: entry.value });
      });
      const close = async (): Promise<void> => {
        watched.delete(mirror);
        await mirror.close();
      };
      watched.add(mirror);
      signal.addEventListener("abort", () => void close(), { once: true });
      try {
        await mirror.current(signal);
      } catch (error) {
        await close();
        throw error;
      }
    },
    list: (signal) => listOnce(open, signal),
    problem: () => [...watched].map((mirror) => mirror.problem()).find((problem) => problem !== null) ?? null,
  };
}

export function inventoryOf(device: string, data: Uint8Array): Parsed<DeviceInventory> {
  return ofDevice(device, readInventory(data));
}

export function statusOf(device: string, data: Uint8Array): Parsed<DeviceStatus> {
  return ofDevice(device, readStatus(data));
}

type Open<Document> = (
  onEntry?: (key: string, entry: MirroredEntry<Parsed<Document>> | null) => void,
) => Promise<BucketMirror<Parsed<Document>>>;

function documents<Document>(
  messaging: Messaging,
  options: BucketOptions,
  bucket: BucketName,
  decode: (key: string, data: Uint8Array) => Parsed<Document>,
): Open<Document> {
  return (onEntry) =>
    openBucketMirror(messaging, {
      ...options,
      bucket,
      decode,
      unreadable,
      ...(onEntry === undefined ? {} : { onEntry, keepsValues: false }),
    });
}

async function listOnce<Document>(open: Open<Document>, signal: AbortSignal): Promise<(Reported & { value: Parsed<Document> })[]> {
  const mirror = await open();
  try {
    const entries = await mirror.current(signal);
    const nowMs = mirror.nowMs();
    return [...entries].flatMap(([key, { writtenAtMs, value }]) => {
      const device = deviceOfKey(key);
      return device === null || value === null ? [] : [{ device, receivedAtMs: writtenAtMs, nowMs, value }];
    });
  } finally {
    await mirror.close();
  }
}

function unreadable(why: string): { ok: false; issues: Issue[] } {
  return { ok: false, issues: [{ path: [], message: why }] };
}

function ofDevice<Document extends { device: string }>(key: string, document: Parsed<Document>): Parsed<Document> {
  if (!document.ok || document.value.device === key) return document;
  return { ok: false, issues: [{ path: ["device"], message: `expected "${key}", whose entry this is, found "${document.value.device}"` }] };
}
