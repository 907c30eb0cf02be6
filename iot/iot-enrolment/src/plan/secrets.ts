// What lets somebody ask: codes for one device, tokens of images, and people. Only digests are kept.

import type { Bootstrap, DeviceCode, Person } from "@iot/identity";
import { type Held, type Plan, refused, type Write } from "./held.ts";

const CODES = 1_000;
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

export function planRevocation(held: Held, name: string): Plan<null> {
  const { value, revision } = held.bootstrap(name);
  if (value === null) return refused(404, `there is no bootstrap token "${name}": iot bootstrap list shows them`);
  return { kind: "do", writes: [removal(`bootstrap.${name}`, revision)], answer: null };
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
