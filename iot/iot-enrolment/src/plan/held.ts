// What a plan is made from and what it is: the documents of both buckets as they are held, and the
// writes that lead to an answer, in their order. A plan may be ended by a fault after each of its
// writes: made once more from what is held then, it has the rest.

import type { Bootstrap, DeviceCode, DeviceRecord, EnrolmentRecord, Person, SerialRow } from "@iot/identity";

export interface Stored<Document> {
  /** What the next write of this key expects; 0: there never was one. */
  readonly revision: number;
  readonly value: Document | null;
}

export interface Held {
  request(code: string): Stored<EnrolmentRecord>;
  device(id: string): Stored<DeviceRecord>;
  bootstrap(name: string): Stored<Bootstrap>;
  /** A code that was made for one device, by its digest. */
  code(digest: string): Stored<DeviceCode>;
  /** A row of a list of serial numbers, by the digest of the number. */
  serial(digest: string): Stored<SerialRow>;
  person(name: string): Stored<Person>;
  /** The text of a key in the bucket `grants`: a device's grant, or `_issuer`. */
  grant(key: string): Stored<string>;
  requests(): readonly EnrolmentRecord[];
  devices(): readonly DeviceRecord[];
  bootstraps(): readonly Bootstrap[];
  codes(): readonly { readonly digest: string; readonly code: DeviceCode }[];
  serials(): readonly { readonly digest: string; readonly row: SerialRow }[];
  persons(): readonly Person[];
}

export interface Write {
  readonly bucket: "enrolments" | "grants";
  readonly key: string;
  /** null: it is removed. */
  readonly document: object | null;
  readonly expected: number;
}

export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 409 | 410 | 429;
  /** What is refused, and what would repair it. */
  readonly why: string;
  readonly retryAfterS?: number;
}

export type Plan<Answer> =
  | { readonly kind: "do"; readonly writes: readonly Write[]; readonly answer: Answer }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export function refused(status: Refusal["status"], why: string, retryAfterS?: number): { kind: "refused"; refusal: Refusal } {
  return { kind: "refused", refusal: { status, why, ...(retryAfterS === undefined ? {} : { retryAfterS }) } };
}

/** The first second whose tokens count, when all that were given until now do not. */
export function notBefore(nowMs: number): number {
  return Math.floor(nowMs / 1_000) + 1;
}
