// The last entry under one key, by a direct get with the subject appended: the only read that a permission can scope to one device,
// answered by any replica, without a consumer. A delete or purge marker counts as absent, but has a sequence.

import { type BucketName, directGetSubject } from "@iot/contracts";
import type { Messaging } from "./connect.ts";
import { MessagingError } from "./messaging-error.ts";
import { request } from "./request.ts";

export type DirectEntry =
  | { readonly kind: "found"; readonly sequence: number; readonly writtenAt: string; readonly data: Uint8Array }
  | { readonly kind: "absent"; /** Of the marker; 0 when there was never anything. */ readonly sequence: number };

/** @throws MessagingError, or the signal's reason. */
export async function directGet(messaging: Messaging, bucket: BucketName, subject: string, signal: AbortSignal): Promise<DirectEntry> {
  const what = `failed to read "${subject}"`;
  const { headers, data } = await request(messaging, directGetSubject(bucket, subject), "", { what, signal });
  if (headers?.code === 404) return { kind: "absent", sequence: 0 };
  const sequence = Number(headers?.get("Nats-Sequence") ?? "");
  const writtenAt = headers?.get("Nats-Time-Stamp") ?? "";
  if (!Number.isSafeInteger(sequence) || sequence < 1 || Number.isNaN(Date.parse(writtenAt))) {
    throw new MessagingError("Refused", `${what}: ${headers?.description || "who answered is no bucket"}`);
  }
  const operation = headers?.get("KV-Operation") ?? "";
  const isMarker = operation === "DEL" || operation === "PURGE" || (headers?.has("Nats-Marker-Reason") ?? false);
  return isMarker ? { kind: "absent", sequence } : { kind: "found", sequence, writtenAt, data };
}
