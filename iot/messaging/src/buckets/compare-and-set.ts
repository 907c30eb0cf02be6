// A write over exactly what was observed of a key. A marker that was observed may have been purged
// since (bucket-mirror.ts): nothing is there then, which is the same.

import type { BucketName } from "@iot/contracts";
import type { Messaging } from "../connection/connect.ts";
import { publishAcknowledged, type PublishResult } from "./acknowledged-publish.ts";
import type { BucketMirror } from "./bucket-mirror.ts";

export interface Expecting {
  readonly bucket: BucketName;
  readonly key: string;
  /** The last revision of the key; 0: it was never written. */
  readonly expected: number;
}

/** The header of a write that says that the key is gone. */
export const DELETES: Readonly<Record<string, string>> = { "KV-Operation": "DEL" };

/** @throws MessagingError */
export async function compareAndSet(
  messaging: Messaging,
  mirror: Pick<BucketMirror<unknown>, "isMarker">,
  { bucket, key, expected }: Expecting,
  payload: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<PublishResult> {
  const write = (revision: number): Promise<PublishResult> =>
    publishAcknowledged(messaging, { bucket, subject: `$KV.${bucket}.${key}` }, payload, {
      headers: { ...headers, "Nats-Expected-Last-Subject-Sequence": String(revision) },
    });
  const result = await write(expected);
  return !result.ok && mirror.isMarker(key, expected) ? write(0) : result;
}
