// A device's key is replaced in two steps: a second one is taken beside the first, and takes its
// place when it was used. Until then both are good, so that a device that loses power meanwhile has
// one that is.

import type { AssertionKey, DeviceRecord } from "@iot/identity";
import { holderOf, keep } from "./admit.ts";
import { type Held, type Plan, refused } from "./held.ts";

export function planKey(held: Held, device: string, key: AssertionKey): Plan<DeviceRecord> {
  const record = held.device(device).value;
  const [first] = record?.keys ?? [];
  if (record === null || record.state === "disabled" || first === undefined) {
    return refused(403, `"${device}" is no device that may have a key: iot device enable ${device}`);
  }
  const holder = holderOf(held, key.keyId);
  if (holder !== undefined && holder.device !== device) return refused(409, "the key is another device's: make a new one");
  const changed: DeviceRecord = holder === undefined ? { ...record, keys: [first, key] } : record;
  return { kind: "do", writes: keep(held, changed), answer: changed };
}

/** It was used: the one before it is of no use any more. */
export function planKeyUsed(held: Held, device: string, keyId: string): Plan<null> {
  const record = held.device(device).value;
  const used = record?.keys.findIndex((key) => key.keyId === keyId) ?? -1;
  if (record === null || used < 1) return { kind: "do", writes: [], answer: null };
  const keys = record.keys.slice(used);
  const { replaceKey, ...rest } = record;
  const isReplaced = replaceKey !== undefined && !keys.some((key) => key.keyId === replaceKey);
  return { kind: "do", writes: keep(held, { ...(isReplaced ? rest : record), keys }), answer: null };
}

/** A person wants another key: the device reads it in its document, and makes one. */
export function planRekeying(held: Held, device: string): Plan<DeviceRecord> {
  const record = held.device(device).value;
  const [first] = record?.keys ?? [];
  if (record === null || first === undefined) return refused(404, `there is no device "${device}": iot device list shows them`);
  if (record.state === "disabled") return refused(409, `"${device}" is disabled: iot device enable ${device} lets it in again`);
  const changed: DeviceRecord = { ...record, replaceKey: first.keyId };
  return { kind: "do", writes: record.replaceKey === first.keyId ? [] : keep(held, changed), answer: changed };
}
