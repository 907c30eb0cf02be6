// What comes of a device's request: with a code that was made for it, it is a device at once; with
// the token of an image it waits for a person. A key that asked before gets the same answer again,
// with no token needed, so that who lost an answer is not lost.

import type { DeviceRecord, EnrolmentRecord, Hardware } from "@iot/identity";
import { admit, holderOf } from "./admit.ts";
import { type Held, type Plan, refused, type Write } from "./held.ts";

/** Of a device whose proof was good. */
export interface EnrolmentAsked {
  readonly code: string;
  readonly keyId: string;
  readonly publicKey: string;
  readonly hardware: Hardware;
  readonly address: string;
  readonly shown: { readonly kind: "code" | "token"; readonly digest: string } | null;
  readonly nowMs: number;
}

const PENDING = 1_000;
const COUNTED = 32;

export function planEnrolment(held: Held, asked: EnrolmentAsked): Plan<EnrolmentRecord> {
  const { code, keyId, publicKey, shown } = asked;
  const known = held.request(code).value;
  if (known !== null && known.publicKey !== publicKey) return refused(409, "another key has the same code: make a new key");
  if (known?.state === "approved") return { kind: "do", writes: [], answer: known };
  const request = known ?? newRequest(asked);
  const holder = holderOf(held, keyId);
  if (holder !== undefined) return admitted(held, request, holder, []);
  if (shown?.kind === "code") return byCode(held, asked, request, shown.digest);
  if (known !== null) return { kind: "do", writes: [], answer: known };
  if (shown === null)
    return refused(401, "neither a token nor a code was shown: iot device add makes a code, iot bootstrap create a token");
  return byToken(held, asked, request, shown.digest);
}

function byCode(held: Held, { keyId, publicKey, nowMs }: EnrolmentAsked, request: EnrolmentRecord, digest: string): Plan<EnrolmentRecord> {
  const { value, revision } = held.code(digest);
  if (value === null) return refused(401, "the code is unknown, or was used: iot device add makes another");
  const { device, expiresAtS } = value;
  if (nowMs >= expiresAtS * 1_000) return refused(410, `the code for "${device}" is over: iot device add ${device} makes another`);
  if (held.device(device).value !== null) {
    return refused(409, `"${device}" is another device's: enrol with the token of an image, and approve it with --replaces ${device}`);
  }
  const record: DeviceRecord = { device, keys: [{ keyId, publicKey }], state: "approved" };
  return admitted(held, request, record, [{ bucket: "enrolments", key: `code.${digest}`, document: null, expected: revision }]);
}

function admitted(held: Held, request: EnrolmentRecord, record: DeviceRecord, more: readonly Write[]): Plan<EnrolmentRecord> {
  const admission = admit(held, { request, record });
  return { kind: "do", writes: [...admission.writes, ...more], answer: admission.request };
}

function byToken(held: Held, { code, nowMs }: EnrolmentAsked, request: EnrolmentRecord, digest: string): Plan<EnrolmentRecord> {
  const found = held.bootstraps().find(({ sha256 }) => sha256 === digest);
  if (found === undefined) return refused(401, "the bootstrap token is unknown, or was revoked: iot bootstrap create makes another");
  const { value, revision } = held.bootstrap(found.name);
  if (value === null) return refused(401, "the bootstrap token was revoked: iot bootstrap create makes another");
  const { name, expiresAtS, used, maxDevices, counted } = value;
  if (nowMs >= expiresAtS * 1_000) return refused(410, `the bootstrap token "${name}" is over: iot bootstrap create makes another`);
  const isCounted = counted.includes(code);
  if (!isCounted && used >= maxDevices) {
    return refused(
      410,
      `the bootstrap token "${name}" was used by ${maxDevices} devices, as many as it may: iot bootstrap create makes another`,
    );
  }
  const pending = held.requests().filter(({ state }) => state === "pending").length;
  if (pending >= PENDING) return refused(429, `${PENDING} devices wait for approval: approve or deny some (iot devices --pending)`, 60);
  const count: Write = {
    bucket: "enrolments",
    key: `bootstrap.${name}`,
    document: { ...value, used: used + 1, counted: [...counted, code].slice(-COUNTED) },
    expected: revision,
  };
  const record: EnrolmentRecord = { ...request, bootstrap: name };
  const write: Write = { bucket: "enrolments", key: `request.${code}`, document: record, expected: held.request(code).revision };
  return { kind: "do", writes: [...(isCounted ? [] : [count]), write], answer: record };
}

function newRequest({ code, publicKey, hardware, address, nowMs }: EnrolmentAsked): EnrolmentRecord {
  return { code, publicKey, hardware, address, since: new Date(nowMs).toISOString(), state: "pending" };
}
