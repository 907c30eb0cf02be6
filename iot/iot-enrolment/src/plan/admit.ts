// The writes by which a key becomes a device. The record of the device comes first: there, and by a
// compare-and-set, it is decided that an id has one key. The request comes last, so that nobody is
// answered "approved" before all is there.

import { canonicalJson, parseJson } from "@harmony/schema";
import { DEVICE_RIGHTS } from "@iot/contracts";
import { type DeviceRecord, type EnrolmentRecord, Grant, KeptGrant } from "@iot/identity";
import { type Held, notBefore, type Write } from "./held.ts";

export interface Admission {
  readonly request: EnrolmentRecord;
  readonly record: DeviceRecord;
}

export function admit(
  held: Held,
  { request, record }: Admission,
): { readonly writes: readonly Write[]; readonly request: EnrolmentRecord } {
  const { reason: _, ...asked } = request;
  const approved: EnrolmentRecord = { ...asked, state: "approved", device: record.device };
  const key = `request.${request.code}`;
  const { revision } = held.request(request.code);
  return { writes: [...keep(held, record), { bucket: "enrolments", key, document: approved, expected: revision }], request: approved };
}

export interface NewDevice {
  readonly device: string;
  readonly keyId: string;
  readonly publicKey: string;
  readonly labels?: DeviceRecord["labels"];
  readonly nowMs: number;
}

/**
 * Tokens that somebody was given before for the same id do not count: the one before, whose record
 * is lost or replaced.
 */
export function newDevice(held: Held, { device, keyId, publicKey, labels, nowMs }: NewDevice): DeviceRecord {
  const granted = parseJson(Grant, held.grant(device).value ?? "null");
  const tokensNotBefore = notBefore(nowMs, granted.ok ? granted.value.tokensNotBefore : 0);
  const record: DeviceRecord = { device, keys: [{ keyId, publicKey }], state: "approved", tokensNotBefore };
  return labels === undefined ? record : { ...record, labels };
}

/** The record of a device and the grant that follows from it, as far as they differ. */
export function keep(held: Held, record: DeviceRecord): readonly Write[] {
  const stored = held.device(record.device);
  const isSame = stored.value !== null && canonicalJson(stored.value) === canonicalJson(record);
  const write: Write = { bucket: "enrolments", key: `device.${record.device}`, document: record, expected: stored.revision };
  return [...(isSame ? [] : [write]), ...keepGrant(held, record.device, grantOf(record))];
}

/** `key`: a device, or `_issuer`. */
export function keepGrant(held: Held, key: string, document: object): readonly Write[] {
  const stored = held.grant(key);
  return saidIn(stored.value) === canonicalJson(document) ? [] : [{ bucket: "grants", key, document, expected: stored.revision }];
}

/** Without the time at which OpenBao had it. */
function saidIn(text: string | null): string | null {
  const kept = parseJson(KeptGrant, text ?? "null");
  if (!kept.ok) return text;
  const { readAtS: _, ...said } = kept.value;
  return canonicalJson(said);
}

export function grantOf({ state, tokensNotBefore, reason }: DeviceRecord): Grant {
  return {
    state,
    capabilities: [...DEVICE_RIGHTS],
    ...(tokensNotBefore === undefined ? {} : { tokensNotBefore }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The device that has this key. */
export function holderOf(held: Held, keyId: string): DeviceRecord | undefined {
  return held.devices().find(({ keys }) => keys.some((key) => key.keyId === keyId));
}
