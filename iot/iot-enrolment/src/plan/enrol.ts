// What comes of a device's request: with a code that was made for it, it is a device at once; with
// the token of an image it waits for a person. A key that asked before gets the same answer again,
// with no token needed, so that who lost an answer is not lost.

import type { Bootstrap, EnrolmentRecord, Hardware } from "@iot/identity";
import { admit, type Admission, holderOf, newDevice } from "./admit.ts";
import { type Held, type Plan, refused, type Write } from "./held.ts";

/** What a device asks whose proof was good. */
export interface EnrolmentAsked {
  readonly code: string;
  readonly keyId: string;
  readonly publicKey: string;
  readonly hardware: Hardware;
  /** The digest of its serial number, if it names one. */
  readonly serial: string | null;
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
  const request = known ?? newRequest(asked, bootstrapOf(held, shown));
  const holder = holderOf(held, keyId);
  if (known?.state === "approved") return { kind: "do", writes: spend(held, shown, known.device), answer: known };
  if (holder !== undefined) return admitted(held, { request, record: holder }, shown);
  if (shown?.kind === "code") return byCode(held, asked, request, shown.digest);
  if (known !== null) return { kind: "do", writes: [], answer: known };
  if (shown === null)
    return refused(401, "neither a token nor a code was shown: iot device add makes a code, iot bootstrap create a token");
  return byToken(held, asked, request);
}

function byCode(
  held: Held,
  { keyId, publicKey, nowMs, shown }: EnrolmentAsked,
  request: EnrolmentRecord,
  digest: string,
): Plan<EnrolmentRecord> {
  const { value } = held.code(digest);
  if (value === null) return refused(401, "the code is unknown, or was used: iot device add makes another");
  const { device, expiresAtS } = value;
  if (nowMs >= expiresAtS * 1_000) return refused(410, `the code for "${device}" is over: iot device add ${device} makes another`);
  if (held.device(device).value !== null) {
    return refused(409, `"${device}" is another device's: enrol with the token of an image, and approve it with --replaces ${device}`);
  }
  return admitted(held, { request, record: newDevice(held, { device, keyId, publicKey, nowMs }) }, shown);
}

function admitted(held: Held, admission: Admission, shown: EnrolmentAsked["shown"]): Plan<EnrolmentRecord> {
  const { writes, request } = admit(held, admission);
  return { kind: "do", writes: [...writes, ...spend(held, shown, request.device)], answer: request };
}

/** The last write: a code that is left by a fault lets nobody in, since its device is there. */
function spend(held: Held, shown: EnrolmentAsked["shown"], device: string | undefined): readonly Write[] {
  if (shown?.kind !== "code") return [];
  const { value, revision } = held.code(shown.digest);
  const write: Write = { bucket: "enrolments", key: `code.${shown.digest}`, document: null, expected: revision };
  return value === null || value.device !== device ? [] : [write];
}

function byToken(held: Held, asked: EnrolmentAsked, request: EnrolmentRecord): Plan<EnrolmentRecord> {
  const { code, nowMs } = asked;
  const found = bootstrapOf(held, asked.shown);
  if (found === undefined) return refused(401, "the bootstrap token is unknown, or was revoked: iot bootstrap create makes another");
  const { value, revision } = held.bootstrap(found.name);
  if (value === null) return refused(401, "the bootstrap token was revoked: iot bootstrap create makes another");
  const { name, expiresAtS, used, maxDevices } = value;
  if (nowMs >= expiresAtS * 1_000) return refused(410, `the bootstrap token "${name}" is over: iot bootstrap create makes another`);
  const isCounted = value.counted.includes(code);
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
    document: { ...value, used: used + 1, counted: [...value.counted, code].slice(-COUNTED) },
    expected: revision,
  };
  const before = isCounted ? [] : [count];
  const counted = { ...request, bootstrap: name };
  const listed = byList(held, asked, counted);
  if (listed !== null) return { kind: "do", writes: [...before, ...listed.writes], answer: listed.request };
  const write: Write = { bucket: "enrolments", key: `request.${code}`, document: counted, expected: held.request(code).revision };
  return { kind: "do", writes: [...before, write], answer: counted };
}

/**
 * Its serial number is on the list of this image, and no other key came with it: nobody has to
 * approve. null: a person does.
 */
function byList(
  held: Held,
  { code, keyId, publicKey, serial, nowMs }: EnrolmentAsked,
  request: EnrolmentRecord,
): ReturnType<typeof admit> | null {
  if (serial === null) return null;
  const { value: row, revision } = held.serial(serial);
  if (row === null || row.bootstrap !== request.bootstrap || (row.takenBy ?? code) !== code) return null;
  const { device, labels } = row;
  if (held.device(device).value !== null) return null;
  const record = newDevice(held, { device, keyId, publicKey, nowMs, ...(labels === undefined ? {} : { labels }) });
  const admission = admit(held, { request, record });
  const taken: Write = { bucket: "enrolments", key: `serial.${serial}`, document: { ...row, takenBy: code }, expected: revision };
  return { ...admission, writes: [...(row.takenBy === code ? [] : [taken]), ...admission.writes] };
}

function bootstrapOf(held: Held, shown: EnrolmentAsked["shown"]): Bootstrap | undefined {
  return shown?.kind === "token" ? held.bootstraps().find(({ sha256 }) => sha256 === shown.digest) : undefined;
}

/** It came with the token that it was counted for. */
function newRequest({ code, publicKey, hardware, address, nowMs }: EnrolmentAsked, bootstrap: Bootstrap | undefined): EnrolmentRecord {
  const request = { code, publicKey, hardware, address, since: new Date(nowMs).toISOString(), state: "pending" as const };
  return bootstrap?.counted.includes(code) === true ? { ...request, bootstrap: bootstrap.name } : request;
}
