// What is to be done to one device's object. Pure. A device that reports gets an object, which is
// kept when the device falls silent. Deleting the object forgets the device, once it is silent for
// a day; while it reports, the object stays and says why. Nothing here changes what a device runs.

import type { Parsed } from "@harmony/core";
import type { DeviceId, DeviceInventory, DeviceObjectStatus, Manifest } from "@iot/contracts";
import { offlineAfterMs } from "@iot/contracts";
import { deploymentCounts, deviceConditions, type HeardStatus, judgeDevice } from "@iot/fleet";
import type { DeviceObject, DeviceObjectStep } from "../sources/device-objects.ts";
import { newsIn, objectStatus } from "./object-status.ts";
import { planForget } from "./plan-forget.ts";

export interface KnownOfDevice {
  readonly device: DeviceId;
  readonly object: DeviceObject | null;
  /** Its definition is being deleted, and all objects with it. */
  readonly isDefinitionGoing: boolean;
  readonly heard: HeardStatus | null;
  readonly inventory: Parsed<DeviceInventory> | null;
  readonly manifest: Parsed<Manifest> | null;
  /** Labels that its approval gave it. */
  readonly labels: Readonly<Record<string, string>>;
  /** By the server's clock. */
  readonly nowMs: number;
  /** Since its status was last written; Infinity: not by this process. */
  readonly writtenAgoMs: number;
}

export type DeviceStep = DeviceObjectStep | { readonly kind: "forget"; readonly device: DeviceId };

export interface DevicePlan {
  readonly steps: readonly DeviceStep[];
  /** The first of them is nothing that anybody waits for. */
  readonly isRoutine: boolean;
  readonly recheckAfterMs: number | null;
}

/** Names of Kubernetes' Node: `lastSeenTime` is a lease, at a pace that a fleet's API server bears. */
export const SEEN_EVERY_MS = 10 * 60_000;
export const WORDS_EVERY_MS = 60_000;

export function planDevice(known: KnownOfDevice): DevicePlan {
  const { device, object, heard, inventory, labels } = known;
  if (object === null) {
    const isKnown = heard !== null || inventory !== null;
    return { steps: isKnown ? [{ kind: "make", device, labels }] : [], isRoutine: true, recheckAfterMs: null };
  }
  if (object.isDeleting) return planDeleting(known, object);
  if (!object.isClaimed) return { steps: [{ kind: "claim", object }], isRoutine: true, recheckAfterMs: null };
  return planStatus(known, object, wantedStatus(known, object));
}

function planDeleting(known: KnownOfDevice, object: DeviceObject): DevicePlan {
  const { device, heard, nowMs } = known;
  if (!object.isClaimed) return { steps: [], isRoutine: true, recheckAfterMs: null };
  const release: DeviceStep = { kind: "release", object };
  if (known.isDefinitionGoing) return { steps: [release], isRoutine: false, recheckAfterMs: null };
  const ageMs = heard === null ? null : nowMs - heard.receivedAtMs;
  const forget = planForget({ device, ageMs, lastSeenAt: heard === null ? null : new Date(heard.receivedAtMs).toISOString() });
  if (forget.kind === "forget") return { steps: [{ kind: "forget", device }, release], isRoutine: false, recheckAfterMs: null };
  const { reason, message, againMs } = forget;
  const wanted = wantedStatus(known, object);
  const conditions = (wanted.conditions ?? []).map((one) => (one.type === "Ready" ? { ...one, reason, message } : one));
  const { steps, isRoutine } = planStatus(known, object, { ...wanted, conditions });
  return { steps, isRoutine, recheckAfterMs: againMs };
}

function wantedStatus(known: KnownOfDevice, object: DeviceObject): DeviceObjectStatus {
  const { device, heard, inventory, manifest, nowMs } = known;
  const entry = heard === null ? null : { ...heard, nowMs };
  const judged = judgeDevice(device, manifest, entry);
  const status = entry?.status.ok === true ? entry.status.value : null;
  const said = {
    conditions: deviceConditions({ judged, status, receivedAtMs: entry?.receivedAtMs ?? nowMs, inventory }),
    counts: deploymentCounts(judged),
    lastSeenTime: entry === null ? null : toSecond(entry.receivedAtMs),
    agentVersion: judged.row.agentVersion,
    inventory: inventory?.ok === true ? inventory.value : null,
  };
  return objectStatus(said, { standing: object.status, generation: object.generation, now: toSecond(nowMs) });
}

function planStatus(known: KnownOfDevice, object: DeviceObject, status: DeviceObjectStatus): DevicePlan {
  const { heard, nowMs, writtenAgoMs } = known;
  const news = newsIn(object.status, status);
  const isSeenOld = Date.parse(status.lastSeenTime ?? "") - Date.parse(object.status.lastSeenTime ?? "") >= SEEN_EVERY_MS;
  const wordsInMs = news === "words" ? WORDS_EVERY_MS - writtenAgoMs : Infinity;
  const isDue = news === "transition" || isSeenOld || wordsInMs <= 0;
  const silentInMs = heard === null ? Infinity : heard.receivedAtMs + offlineAfterMs(heard.status.ok ? heard.status.value : null) - nowMs;
  const againMs = Math.min(isDue ? Infinity : wordsInMs, silentInMs >= 0 ? silentInMs + 1 : Infinity);
  return {
    steps: isDue ? [{ kind: "put-status", object, status }] : [],
    isRoutine: news !== "transition",
    recheckAfterMs: againMs === Infinity ? null : againMs,
  };
}

function toSecond(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
