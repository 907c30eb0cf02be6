// What a device may publish and subscribe, from its id alone, and which subject of the devices'
// account is which one of the buckets'. iot/deploy/nats is generated from it
// (scripts/nats-configuration.ts), and whoever lets devices in later asks here.

import { bucketSubjects, type DeviceId, type DeviceSubjects, ownSubjects } from "./subjects.ts";

export interface Permissions {
  readonly publish: readonly string[];
  /** Null: everything that its account hears. */
  readonly subscribe: readonly string[] | null;
}

/** Of a user that is one device's. */
export function devicePermissions(device: DeviceId): Permissions {
  const [own, bucket] = [ownSubjects(device), bucketSubjects(device)];
  return { publish: [...questions(own), ...questions(bucket)], subscribe: [`_INBOX_${device}.>`, own.notice, bucket.notice] };
}

/**
 * Of one user for all devices. Each hears all replies, because no permission covers "the inbox of
 * any device".
 */
export function sharedPermissions(): Permissions {
  return { publish: [...questions(ownSubjects("*")), ...questions(bucketSubjects("*"))], subscribe: null };
}

/** All that a device sends; each is answered. */
function questions({ manifest, score, status, inventory }: DeviceSubjects): readonly string[] {
  return [manifest, score("*"), status, inventory];
}

export interface SubjectMapping {
  readonly kind: "service" | "stream";
  /** In the account that has the buckets. */
  readonly bucket: string;
  /** In the account of the devices. */
  readonly own: string;
}

export function deviceSubjectsOfBuckets(): readonly SubjectMapping[] {
  const [own, bucket] = [ownSubjects("*"), bucketSubjects("*")];
  const services = questions(own).map((name, index) => ({ kind: "service" as const, bucket: questions(bucket)[index] ?? name, own: name }));
  return [...services, { kind: "stream", bucket: bucket.notice, own: own.notice }];
}
