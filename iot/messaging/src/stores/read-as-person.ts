// The fleet and the audit, for a person: under names of our own, which the account of people maps
// to what the operator has (contracts/permissions.ts). A user of the operator's account has no such
// names, and reads the buckets themselves.

import { parseJson } from "@harmony/schema";
import { AuditEvent, type DeviceId, deviceOfKey, type DeviceWords, infoSubject, readSubjects, streamName } from "@iot/contracts";
import * as z from "zod/mini";
import { type BatchEntry, readBatches } from "../buckets/read-batches.ts";
import type { Messaging } from "../connection/connect.ts";
import { MessagingError } from "../connection/messaging-error.ts";
import { request } from "../connection/request.ts";
import { manifestOf } from "./desired-state-store.ts";
import type { HeldManifest } from "./desired-state-view.ts";
import { recordsOf, type SourceRecord } from "./source-records.ts";
import { byDevice } from "./device-words-store.ts";
import { type InventoryEntry, inventoryOf, statusOf, type StatusEntry } from "./status-store.ts";

interface ManifestsAndStatuses {
  readonly manifests: ReadonlyMap<DeviceId, HeldManifest>;
  readonly statuses: readonly StatusEntry[];
  /** The server's clock. */
  readonly nowMs: number;
}

export interface FleetReading extends ManifestsAndStatuses {
  readonly records: ReadonlyMap<string, SourceRecord>;
}

export interface DevicesReading extends ManifestsAndStatuses {
  readonly inventories: readonly InventoryEntry[];
  /** What any source says of each. */
  readonly words: ReadonlyMap<DeviceId, readonly DeviceWords[]>;
}

const Info = z.looseObject({
  ts: z.optional(z.string()),
  state: z.optional(z.looseObject({ last_seq: z.number() })),
  error: z.optional(z.looseObject({ code: z.number(), description: z.string() })),
});
type Info = z.output<typeof Info>;

/**
 * null: this user is none of the account of people. @throws MessagingError, or the signal's reason.
 */
export async function readFleetAsPerson(messaging: Messaging, signal: AbortSignal): Promise<FleetReading | null> {
  const [fleet, sources] = await Promise.all([
    manifestsAndStatuses(messaging, signal),
    latest(messaging, { bucket: "sources", filter: "$KV.sources.>" }, signal),
  ]);
  if (fleet === null) return null;
  const records = recordsOf(
    sources.map(([key, { sequence, data, isMarker }]) => ({ key, revision: sequence, data: isMarker ? null : data })),
  );
  return { ...fleet, records };
}

/** As readFleetAsPerson, with what each device is. */
export async function readDevicesAsPerson(messaging: Messaging, signal: AbortSignal): Promise<DevicesReading | null> {
  const [fleet, inventories, words] = await Promise.all([
    manifestsAndStatuses(messaging, signal),
    latest(messaging, { bucket: "inventory", filter: "$KV.inventory.*" }, signal),
    latest(messaging, { bucket: "devices", filter: "$KV.devices.>" }, signal),
  ]);
  if (fleet === null) return null;
  const texts = words.map(([key, { data, isMarker }]) => [key, isMarker ? null : new TextDecoder().decode(data)] as const);
  return {
    ...fleet,
    inventories: ofDevices(inventories, fleet.nowMs).map(({ data, ...told }) => ({ ...told, inventory: inventoryOf(told.device, data) })),
    words: byDevice(texts),
  };
}

async function manifestsAndStatuses(messaging: Messaging, signal: AbortSignal): Promise<ManifestsAndStatuses | null> {
  const info = await infoOf(messaging, "status", signal);
  if (info === null) return null;
  const nowMs = Date.parse(info.ts ?? "") || Date.now();
  const [desired, statuses] = await Promise.all([
    latest(messaging, { bucket: "desired-state", filter: "$KV.desired-state.*" }, signal),
    latest(messaging, { bucket: "status", filter: "$KV.status.*" }, signal),
  ]);
  return {
    manifests: new Map(
      desired.flatMap(([key, { sequence, data, isMarker }]) => {
        const device = deviceOfKey(key);
        return device === null || isMarker ? [] : [[device, { revision: sequence, manifest: manifestOf(data) }]];
      }),
    ),
    statuses: ofDevices(statuses, nowMs).map(({ data, ...told }) => ({ ...told, status: statusOf(told.device, data) })),
    nowMs,
  };
}

function ofDevices(
  entries: readonly (readonly [key: string, BatchEntry])[],
  nowMs: number,
): { readonly device: DeviceId; readonly receivedAtMs: number; readonly nowMs: number; readonly data: Uint8Array }[] {
  return entries.flatMap(([key, { writtenAtMs, data, isMarker }]) => {
    const device = deviceOfKey(key);
    return device === null || isMarker ? [] : [{ device, receivedAtMs: writtenAtMs, nowMs, data }];
  });
}

/** The last `count`, the oldest first; null: this user is none of the account of people. */
export async function readAuditAsPerson(messaging: Messaging, count: number, signal: AbortSignal): Promise<AuditEvent[] | null> {
  const info = await infoOf(messaging, "audit", signal);
  if (info === null) return null;
  if (info.error !== undefined) {
    if (info.error.code === 404) return [];
    throw new MessagingError("Refused", `failed to read the audit: ${info.error.description}`);
  }
  const from = Math.max(1, (info.state?.last_seq ?? 0) - count + 1);
  const entries = await readBatches(messaging, { asked: readSubjects("audit").own, filter: "audit.>", from }, signal);
  return (entries ?? []).flatMap(({ data }) => {
    const event = parseJson(AuditEvent, data);
    return event.ok ? [event.value] : [];
  });
}

/** By key; a bucket that is not there is empty. */
async function latest(
  messaging: Messaging,
  { bucket, filter }: { readonly bucket: "desired-state" | "status" | "sources" | "inventory" | "devices"; readonly filter: string },
  signal: AbortSignal,
): Promise<[key: string, BatchEntry][]> {
  const entries = (await readBatches(messaging, { asked: readSubjects(streamName(bucket)).own, filter }, signal)) ?? [];
  const prefix = `$KV.${bucket}.`;
  return [...new Map(entries.map((entry) => [entry.subject.slice(prefix.length), entry]))];
}

async function infoOf(messaging: Messaging, stream: "status" | "audit", signal: AbortSignal): Promise<Info | null> {
  try {
    return await request(messaging, infoSubject(stream), "", {
      what: `failed to read "${stream}"`,
      signal,
      readAnswer: ({ data }) => {
        const info = parseJson(Info, data);
        return info.ok ? { answer: info.value, isSure: true } : null;
      },
    });
  } catch (error) {
    if (error instanceof MessagingError && error.code === "NoStore") return null;
    throw error;
  }
}
