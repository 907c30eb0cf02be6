// Where grants live, as a callout sees it. The bucket `grants` is followed in either case: there the
// enrolment service says its word, and there a callout that reads grants in OpenBao keeps them, for
// itself and for those beside it.

import { parseJson } from "@harmony/schema";
import { type Grant, KeptGrant } from "@iot/identity";
import type { DocumentStore } from "@iot/messaging";

export interface Grants {
  /** null: there is none. undefined: nobody can say. */
  of(device: string): Promise<Grant | null | undefined>;
  close(): Promise<void>;
}

export interface Kept {
  /** Of the key in the bucket; 0: there never was one. */
  readonly revision: number;
  /** null: there is none. undefined: what stands there cannot be read. */
  readonly grant: KeptGrant | null | undefined;
}

export function keptGrant(bucket: DocumentStore, device: string): Kept {
  const { revision, text } = bucket.heard(device) ?? { revision: 0, text: null };
  if (text === null) return { revision, grant: null };
  const parsed = parseJson(KeptGrant, text);
  return { revision, grant: parsed.ok ? parsed.value : undefined };
}

/** Of a fleet without OpenBao: what the enrolment service wrote is all there is. */
export function followedGrants(bucket: DocumentStore): Grants {
  return { of: (device) => Promise.resolve(keptGrant(bucket, device).grant), close: () => bucket.close() };
}
