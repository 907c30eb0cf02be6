// What people say about a request or a device: approve, deny, disable, enable, forget. Asked again,
// each has nothing left to write, and the same answer.

import { createPublicKey } from "node:crypto";
import { type ApproveRequest, type DeviceRecord, type EnrolmentRecord, keyIdOf } from "@iot/identity";
import { admit, holderOf, keep, newDevice } from "./admit.ts";
import { type Held, notBefore, type Plan, refused, type Write } from "./held.ts";

export interface Approved {
  readonly request: EnrolmentRecord;
  /** Whose connections end: the device whose place was taken. */
  readonly ended: string | null;
}

export function planApproval(held: Held, code: string, asked: ApproveRequest, nowMs: number): Plan<Approved> {
  const { device, replaces } = asked;
  const request = held.request(code).value;
  if (request === null) return refused(404, `no device asks with the code ${code}: iot devices --pending shows those that do`);
  const keyId = keyIdOf(createPublicKey(request.publicKey));
  const holder = holderOf(held, keyId);
  const isAlready = request.state === "approved" ? request.device : holder?.device;
  if (isAlready !== undefined && isAlready !== device) return refused(409, `the device with the code ${code} is "${isAlready}" already`);
  const present = held.device(device).value;
  if (holder?.state === "disabled") return refused(409, `"${device}" is disabled: iot device enable ${device} lets it in again`);
  if (request.state === "approved" && holder === undefined) {
    return refused(409, `the key of the code ${code} was replaced: on the device, iot-agent enrol makes a new one`);
  }
  if (present !== null && holder === undefined && replaces !== device) {
    return refused(409, `"${device}" is a device already: choose another id, or say --replaces ${device} when this takes its place`);
  }
  const old = replaces === undefined ? null : held.device(replaces).value;
  if (replaces !== undefined && old === null) return refused(404, `there is no device "${replaces}" to be replaced`);
  const record = holder ?? newRecord(held, request, keyId, asked, { old, nowMs });
  const ends = old === null || old.device === device ? [] : keep(held, disabled(old, `replaced by ${device}`, nowMs));
  const admission = admit(held, { request, record });
  const isDone = request.state === "approved";
  const writes: readonly Write[] = [...ends, ...(isDone ? admission.writes.slice(0, -1) : admission.writes)];
  return { kind: "do", writes, answer: { request: admission.request, ended: replaces ?? null } };
}

interface Before {
  readonly old: DeviceRecord | null;
  readonly nowMs: number;
}

function newRecord(
  held: Held,
  { publicKey }: EnrolmentRecord,
  keyId: string,
  { device, labels, replaces }: ApproveRequest,
  { old, nowMs }: Before,
): DeviceRecord {
  const kept = labels ?? old?.labels;
  const record = newDevice(held, { device, keyId, publicKey, nowMs, ...(kept === undefined ? {} : { labels: kept }) });
  return replaces === undefined || replaces === device ? record : { ...record, replaces };
}

export function planDenial(held: Held, code: string, reason: string | undefined): Plan<EnrolmentRecord> {
  const { value, revision } = held.request(code);
  if (value === null) return refused(404, `no device asks with the code ${code}: iot devices --pending shows those that do`);
  const device = value.device ?? holderOf(held, keyIdOf(createPublicKey(value.publicKey)))?.device;
  if (device !== undefined) return refused(409, `it is the device "${device}" already: iot device disable ${device} ends it`);
  const denied: EnrolmentRecord = { ...value, state: "denied", ...(reason === undefined ? {} : { reason }) };
  const isSame = value.state === "denied" && value.reason === denied.reason;
  return {
    kind: "do",
    writes: isSame ? [] : [{ bucket: "enrolments", key: `request.${code}`, document: denied, expected: revision }],
    answer: denied,
  };
}

export function planDisabling(held: Held, device: string, reason: string, nowMs: number): Plan<DeviceRecord> {
  const { value } = held.device(device);
  if (value === null) return refused(404, noSuchDevice(device));
  const record = disabled(value, reason, nowMs);
  return { kind: "do", writes: keep(held, record), answer: record };
}

/** One that is disabled already keeps its time: until then it was given no token. */
function disabled(record: DeviceRecord, reason: string, nowMs: number): DeviceRecord {
  const isAlready = record.state === "disabled" && record.tokensNotBefore !== undefined;
  return {
    ...record,
    state: "disabled",
    reason,
    tokensNotBefore: isAlready ? record.tokensNotBefore : notBefore(nowMs, record.tokensNotBefore),
  };
}

export function planEnabling(held: Held, device: string): Plan<DeviceRecord> {
  const { value } = held.device(device);
  if (value === null) return refused(404, noSuchDevice(device));
  const { reason: _, ...rest } = value;
  const record: DeviceRecord = { ...rest, state: "approved" };
  return { kind: "do", writes: keep(held, record), answer: record };
}

/**
 * Nothing of it is left, so that its key is nobody's. The record goes first, for a grant follows
 * from it. The answer says whether there was anything.
 */
export function planForgetting(held: Held, device: string): Plan<boolean> {
  const record = held.device(device);
  const grant = held.grant(device);
  const requests = held.requests().flatMap(({ code, device: of }) => (of === device ? [code] : []));
  const writes: readonly Write[] = [
    ...(record.value === null ? [] : [removal("enrolments", `device.${device}`, record.revision)]),
    ...requests.map((code) => removal("enrolments", `request.${code}`, held.request(code).revision)),
    ...(grant.value === null ? [] : [removal("grants", device, grant.revision)]),
  ];
  return { kind: "do", writes, answer: writes.length > 0 };
}

function removal(bucket: Write["bucket"], key: string, expected: number): Write {
  return { bucket, key, document: null, expected };
}

function noSuchDevice(device: string): string {
  return `there is no device "${device}": iot device list shows them`;
}
