// Decides what a device may publish and subscribe, from its id alone, and maps each subject of the
// devices' account to one of the buckets'. iot/deploy/nats is generated from it
// (scripts/nats-configuration.ts), and a later service that admits devices asks here.

import { bucketSubjects, type DeviceId, type DeviceSubjects, ownSubjects } from "./subjects.ts";

export interface Permissions {
  readonly publish: readonly string[];
  /** Null: everything that its account hears. */
  readonly subscribe: readonly string[] | null;
}

/**
 * What a grant may permit, as words: the subjects behind them are this file's, so that nobody who
 * writes a grant can give a device more.
 */
export const DEVICE_RIGHTS = ["desired-state", "status", "inventory"] as const;
export type DeviceRight = (typeof DEVICE_RIGHTS)[number];

/** The permissions of a user for one device. A word that is no right gives nothing. */
export function devicePermissions(device: DeviceId, rights: readonly string[] = DEVICE_RIGHTS): Permissions {
  const both = [ownSubjects(device), bucketSubjects(device)];
  const notices = rights.includes("desired-state") ? both.map(({ notice }) => notice) : [];
  return {
    publish: both.flatMap((subjects) => DEVICE_RIGHTS.filter((right) => rights.includes(right)).flatMap((right) => asked(right, subjects))),
    subscribe: [`_INBOX_${device}.>`, ...notices],
  };
}

/**
 * The permissions of one user for all devices. Each device hears all replies, because no permission
 * covers "the inbox of any device".
 */
export function sharedPermissions(): Permissions {
  return { publish: [...questions(ownSubjects("*")), ...questions(bucketSubjects("*"))], subscribe: null };
}

/** Every subject that a device sends to; each message is answered. */
function questions(subjects: DeviceSubjects): readonly string[] {
  return DEVICE_RIGHTS.flatMap((right) => asked(right, subjects));
}

function asked(right: DeviceRight, { manifest, score, status, inventory }: DeviceSubjects): readonly string[] {
  switch (right) {
    case "desired-state":
      return [manifest, score("*")];
    case "status":
      return [status];
    case "inventory":
      return [inventory];
  }
}

export interface SubjectMapping {
  readonly kind: "service" | "stream";
  /** The subject in the account that has the buckets. */
  readonly bucket: string;
  /** The subject in the account of the devices. */
  readonly own: string;
}

export function deviceSubjectsOfBuckets(): readonly SubjectMapping[] {
  const [own, bucket] = [ownSubjects("*"), bucketSubjects("*")];
  const services = questions(own).map((name, index) => ({ kind: "service" as const, bucket: questions(bucket)[index] ?? name, own: name }));
  return [...services, { kind: "stream", bucket: bucket.notice, own: own.notice }];
}
