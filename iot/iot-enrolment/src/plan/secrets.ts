// What lets somebody ask: codes for one device, tokens of images, and people. Only digests are
// kept.

import { canonicalJson } from "@harmony/schema";
import type { Bootstrap, DeviceCode, Person, SerialRow } from "@iot/identity";
import { type Held, type Plan, refused, type Write } from "./held.ts";

const CODES = 1_000;
const SERIALS = 20_000;
const CODE_LIFE_S = 15 * 60;
const DAY_S = 86_400;

/** The newest code for a device is the only one; codes that are over go. */
export function planCode(held: Held, device: string, digest: string, nowMs: number): Plan<DeviceCode> {
  if (held.device(device).value !== null) {
    return refused(409, `"${device}" is a device already: after a loss of its key, approve the new one with --replaces ${device}`);
  }
  const nowS = Math.floor(nowMs / 1_000);
  const over = held.codes().filter((each) => each.digest !== digest && (each.code.expiresAtS <= nowS || each.code.device === device));
  if (held.codes().length - over.length >= CODES) return refused(429, `${CODES} codes are not used yet: wait until some are over`, 60);
  const code: DeviceCode = { device, expiresAtS: nowS + CODE_LIFE_S };
  const writes: readonly Write[] = [
    ...over.map((each) => removal(`code.${each.digest}`, held.code(each.digest).revision)),
    { bucket: "enrolments", key: `code.${digest}`, document: code, expected: held.code(digest).revision },
  ];
  return { kind: "do", writes, answer: code };
}

export interface BootstrapAsked {
  readonly name: string;
  readonly maxDevices: number;
  readonly days: number;
  readonly digest: string;
  readonly nowMs: number;
}

export function planBootstrap(held: Held, { name, maxDevices, days, digest, nowMs }: BootstrapAsked): Plan<Bootstrap> {
  const { value, revision } = held.bootstrap(name);
  if (value !== null)
    return refused(409, `there is a bootstrap token "${name}" already: choose another name, or iot bootstrap revoke ${name}`);
  const expiresAtS = Math.floor(nowMs / 1_000) + days * DAY_S;
  const bootstrap: Bootstrap = { name, sha256: digest, expiresAtS, maxDevices, used: 0, counted: [] };
  return {
    kind: "do",
    writes: [{ bucket: "enrolments", key: `bootstrap.${name}`, document: bootstrap, expected: revision }],
    answer: bootstrap,
  };
}

/** First the token, then its list. */
export function planRevocation(held: Held, name: string): Plan<null> {
  const { value, revision } = held.bootstrap(name);
  const rows = held.serials().filter(({ row }) => row.bootstrap === name);
  if (value === null && rows.length === 0) return refused(404, `there is no bootstrap token "${name}": iot bootstrap list shows them`);
  const writes = [
    ...(value === null ? [] : [removal(`bootstrap.${name}`, revision)]),
    ...rows.map(({ digest }) => removal(`serial.${digest}`, held.serial(digest).revision)),
  ];
  return { kind: "do", writes, answer: null };
}

export interface SerialAsked {
  readonly digest: string;
  readonly row: SerialRow;
}

/**
 * A row that is there already stays as it is; one of another list, or for another device, is
 * refused.
 */
export function planSerials(held: Held, asked: readonly SerialAsked[]): Plan<null> {
  const known = held.serials();
  if (known.length + asked.length > SERIALS)
    return refused(429, `there are ${SERIALS} serial numbers already: iot bootstrap revoke ends a list`, 60);
  const writes: Write[] = [];
  for (const [index, { digest, row }] of asked.entries()) {
    if (asked.findIndex((each) => each.digest === digest) !== index)
      return refused(409, `the serial number ${row.serial} stands twice in the list`);
    const { value, revision } = held.serial(digest);
    const { takenBy: _, ...before } = value ?? {};
    if (value !== null && canonicalJson(before) !== canonicalJson(row)) {
      return refused(409, `the serial number ${row.serial} is listed already, for "${value.device}" with the token "${value.bootstrap}"`);
    }
    const twin =
      known.find((each) => each.row.device === row.device && each.digest !== digest) ??
      asked.find((each) => each.row.device === row.device && each.digest !== digest);
    if (twin !== undefined) return refused(409, `"${row.device}" is listed twice, for ${twin.row.serial} and ${row.serial}`);
    if (value === null) writes.push({ bucket: "enrolments", key: `serial.${digest}`, document: row, expected: revision });
  }
  return { kind: "do", writes, answer: null };
}

export function planPerson(held: Held, person: Person): Plan<Person> {
  const { value, revision } = held.person(person.name);
  if (value !== null) return refused(409, `"${person.name}" is there already: iot-enrolment person remove ${person.name} ends that secret`);
  return {
    kind: "do",
    writes: [{ bucket: "enrolments", key: `person.${person.name}`, document: person, expected: revision }],
    answer: person,
  };
}

export function planPersonRemoval(held: Held, name: string): Plan<null> {
  const { value, revision } = held.person(name);
  if (value === null) return refused(404, `there is no person "${name}"`);
  return { kind: "do", writes: [removal(`person.${name}`, revision)], answer: null };
}

function removal(key: string, expected: number): Write {
  return { bucket: "enrolments", key, document: null, expected };
}
