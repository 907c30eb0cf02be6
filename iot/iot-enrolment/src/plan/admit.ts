// The writes by which a key becomes a device. The record of the device comes first: there, and by a
// compare-and-set, it is decided that an id has one key. The request comes last, so that nobody is
// answered "approved" before all is there.

import { canonicalJson } from "@harmony/schema";
import { DEVICE_RIGHTS } from "@iot/contracts";
import type { DeviceRecord, EnrolmentRecord, Grant } from "@iot/identity";
import type { Held, Write } from "./held.ts";

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
  return stored.value === canonicalJson(document) ? [] : [{ bucket: "grants", key, document, expected: stored.revision }];
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
