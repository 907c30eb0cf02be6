// Decides what a device may publish and subscribe, from its id alone, and a person, by the role;
// and maps each subject of the devices' account to one of the buckets'. iot/deploy/nats is
// generated from it (scripts/nats-configuration.ts), and whoever admits devices or people asks
// here.

import type { CommandVerb } from "./commands.ts";
import { AUDIT } from "./documents/buckets.ts";
import { OPERATOR_VERBS, operatorSubject, type OperatorVerb } from "./documents/operator-verbs.ts";
import { DEVICE_AUDIT } from "./documents/device-audit.ts";
import { DEVICE_HISTORY } from "./documents/history.ts";
import {
  bucketSubjects,
  commandSubject,
  deviceAuditSubject,
  type DeviceId,
  type DeviceSubjects,
  historySubject,
  ownSubjects,
  readSubjects,
  sessionInputSubject,
  streamName,
} from "./subjects.ts";

export interface Permissions {
  readonly publish: readonly string[];
  /** Null: everything that its account hears. */
  readonly subscribe: readonly string[] | null;
  /** It may answer what it was asked, where the question says, as often as it likes. */
  readonly answers: boolean;
}

/** The account of people; a device believes no question from elsewhere. */
export const PEOPLE_ACCOUNT = "PEOPLE";

/**
 * What a grant may permit, as words: the subjects behind them are this file's, so that nobody who
 * writes a grant can give a device more.
 */
export const DEVICE_RIGHTS = ["desired-state", "status", "inventory", "commands"] as const;
export type DeviceRight = (typeof DEVICE_RIGHTS)[number];

/** The permissions of a user for one device. A word that is no right gives nothing. */
export function devicePermissions(device: DeviceId, rights: readonly string[] = DEVICE_RIGHTS): Permissions {
  const both = [ownSubjects(device), bucketSubjects(device)];
  const isAsked = rights.includes("commands");
  const notices = rights.includes("desired-state") ? both.map(({ notice }) => notice) : [];
  return {
    publish: [
      ...both.flatMap((subjects) => DEVICE_RIGHTS.filter((right) => rights.includes(right)).flatMap((right) => asked(right, subjects))),
      ...DEVICE_RIGHTS.filter((right) => rights.includes(right)).flatMap((right) => told(right, device)),
    ],
    subscribe: [`_INBOX_${device}.>`, ...notices, ...(isAsked ? heardOfPeople(device) : [])],
    answers: isAsked,
  };
}

/** Questions of people, and what they send into a session. */
function heardOfPeople(device: DeviceId): readonly string[] {
  return [commandSubject(device, "*"), sessionInputSubject(device, "*")];
}

/**
 * The permissions of one user for all devices. Each device hears all replies, because no permission
 * covers "the inbox of any device".
 */
export function sharedPermissions(): Permissions {
  const once = DEVICE_RIGHTS.flatMap((right) => told(right, "*"));
  return { publish: [...questions(ownSubjects("*")), ...questions(bucketSubjects("*")), ...once], subscribe: null, answers: true };
}

/** Every subject that a device sends to; each message is answered. */
function questions(subjects: DeviceSubjects): readonly string[] {
  return DEVICE_RIGHTS.flatMap((right) => asked(right, subjects));
}

function asked(right: DeviceRight, { manifest, score, status, inventory, inventoryRead }: DeviceSubjects): readonly string[] {
  switch (right) {
    case "desired-state":
      return [manifest, score("*")];
    case "status":
      return [status];
    case "inventory":
      return [inventory, inventoryRead];
    case "commands":
      return [];
  }
}

/** What a device says once, under our own names alone. */
function told(right: DeviceRight, device: DeviceId | "*"): readonly string[] {
  if (right === "status") return [historySubject(device)];
  return right === "commands" ? [deviceAuditSubject(device)] : [];
}

const LOOKS: readonly CommandVerb[] = ["ping", "explain", "doctor"];

/** Each may what the one before it may, and more. */
export const ROLES = ["viewer", "support", "maintainer", "admin"] as const;
export type Role = (typeof ROLES)[number];

const ACTS = [...LOOKS, "logs", "sessions", "exec", "forward", "end", "retry", "hold", "release", "switch", "refresh"] as const;

export const ROLE_VERBS: Readonly<Record<Role, readonly CommandVerb[]>> = {
  viewer: LOOKS,
  support: [...LOOKS, "logs", "sessions"],
  maintainer: ACTS,
  admin: ACTS,
};

/** What a role may ask the operators: how they stand, and to let go what is held. */
export function operatorVerbsOf(role: Role): readonly OperatorVerb[] {
  return role === "admin" ? OPERATOR_VERBS : ["state"];
}

/** Where people ask how long a stream is, and the server's time. */
export function infoSubject(stream: "status" | "audit"): string {
  return `iot.info.${stream}`;
}

/** Verbs that are sessions: who asks goes on sending. */
const SESSION_VERBS: readonly CommandVerb[] = ["logs", "exec", "forward"];

/** The state of the fleet, and what was done. */
const FLEET_STREAMS: readonly string[] = [
  ...(["desired-state", "status", "sources", "inventory", "devices"] as const).map(streamName),
  AUDIT.stream,
  DEVICE_HISTORY.stream,
];

/**
 * The streams that each role reads. A batch names no device, so whoever may ask some alone reads
 * none.
 */
export const ROLE_READS: Readonly<Record<Role, readonly string[]>> = {
  viewer: FLEET_STREAMS,
  support: FLEET_STREAMS,
  maintainer: [...FLEET_STREAMS, DEVICE_AUDIT.stream],
  admin: [...FLEET_STREAMS, DEVICE_AUDIT.stream],
};

/** The inboxes of a person: nobody else hears what a device answers. */
export function personInbox(user: string): string {
  return `_INBOX_${user}`;
}

/** `devices`: those that the person may ask; all of them by default. */
export function personPermissions(user: string, role: Role, devices: readonly (DeviceId | "*")[] = ["*"]): Permissions {
  const verbs = ROLE_VERBS[role];
  const hasSessions = verbs.some((verb) => SESSION_VERBS.includes(verb));
  return {
    publish: [
      ...devices.flatMap((device) => [
        ...verbs.map((verb) => commandSubject(device, verb)),
        ...(hasSessions ? [sessionInputSubject(device, "*")] : []),
      ]),
      // A part of a stream cannot be shown to a person of some devices alone.
      ...(devices.includes("*") ? ofTheFleet(role) : []),
    ],
    subscribe: [`${personInbox(user)}.>`],
    answers: false,
  };
}

function ofTheFleet(role: Role): readonly string[] {
  const reads = ROLE_READS[role].map((stream) => readSubjects(stream).own);
  return [...reads, infoSubject("status"), infoSubject("audit"), ...operatorVerbsOf(role).map(operatorSubject)];
}

/** What crosses between the operator's account and that of people. */
export function servicesOfPeople(): readonly { readonly control: string; readonly own: string; readonly isStream: boolean }[] {
  const info = { status: streamName("status"), audit: AUDIT.stream };
  return [
    ...ROLE_READS.admin.map(readSubjects).map(({ own, bucket }) => ({ control: bucket, own, isStream: true })),
    ...(["status", "audit"] as const).map((name) => ({
      control: `$JS.API.STREAM.INFO.${info[name]}`,
      own: infoSubject(name),
      isStream: false,
    })),
  ];
}

/** What crosses between the devices' account and that of people. */
export function subjectsOfPeople(): { readonly command: string; readonly sessionInput: string } {
  return { command: commandSubject("*", "*"), sessionInput: sessionInputSubject("*", "*") };
}

export interface SubjectMapping {
  readonly kind: "service" | "stream";
  /** The subject in the account that has the buckets. */
  readonly bucket: string;
  /** The subject in the account of the devices. */
  readonly own: string;
}

/** What a device says once, under one name in both accounts. */
export function toldSubjects(): readonly string[] {
  return DEVICE_RIGHTS.flatMap((right) => told(right, "*"));
}

export function deviceSubjectsOfBuckets(): readonly SubjectMapping[] {
  const [own, bucket] = [ownSubjects("*"), bucketSubjects("*")];
  const services = questions(own).map((name, index) => ({ kind: "service" as const, bucket: questions(bucket)[index] ?? name, own: name }));
  return [...services, { kind: "stream", bucket: bucket.notice, own: own.notice }];
}
