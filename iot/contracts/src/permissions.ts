// Decides what a device may publish and subscribe, from its id alone, and maps each subject of the
// devices' account to one of the buckets'. iot/deploy/nats is generated from it
// (scripts/nats-configuration.ts), and a later service that admits devices asks here.

import { bucketSubjects, type DeviceId, type DeviceSubjects, ownSubjects } from "./subjects.ts";

export interface Permissions {
  readonly publish: readonly string[];
  /** Null: everything that its account hears. */
  readonly subscribe: readonly string[] | null;
}

/** The permissions of a user for one device. */
export function devicePermissions(device: DeviceId): Permissions {
  const [own, bucket] = [ownSubjects(device), bucketSubjects(device)];
  return { publish: [...questions(own), ...questions(bucket)], subscribe: [`_INBOX_${device}.>`, own.notice, bucket.notice] };
}

/**
 * The permissions of one user for all devices. Each device hears all replies, because no permission
 * covers "the inbox of any device".
 */
export function sharedPermissions(): Permissions {
  return { publish: [...questions(ownSubjects("*")), ...questions(bucketSubjects("*"))], subscribe: null };
}

/** Every subject that a device sends to; each message is answered. */
function questions({ manifest, score, status, inventory }: DeviceSubjects): readonly string[] {
  return [manifest, score("*"), status, inventory];
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
