// The last entry under one key, by a direct get with the subject appended: the only read that a
// permission can scope to one device, answered by any replica, without a consumer; it may be asked
// under another name (stores/device-names.ts). A delete or purge marker counts as absent, but has a
// sequence. An entry names its subject, and only the one that was asked for is taken. A refusal
// names none: it may be to somebody else's question, and is taken when no entry follows.

import type { Msg } from "@nats-io/nats-core";
import type { Messaging } from "../connection/connect.ts";
import { MessagingError } from "../connection/messaging-error.ts";
import type { Reading } from "../connection/replies.ts";
import { request } from "../connection/request.ts";

export type DirectEntry =
  | { readonly kind: "found"; readonly sequence: number; readonly writtenAt: string; readonly data: Uint8Array }
  /** `sequence`: that of the marker; 0 when the server says that there was never anything. */
  | { readonly kind: "absent"; readonly sequence: number };

export interface DirectGet {
  /** The entry's subject. */
  readonly subject: string;
  /** The subject at which it is asked for. */
  readonly asked: string;
}

/** @throws MessagingError, or the signal's reason. */
export async function directGet(messaging: Messaging, { subject, asked }: DirectGet, signal: AbortSignal): Promise<DirectEntry> {
  const what = `failed to read "${subject}"`;
  const answer = await request(messaging, asked, "", {
    what,
    signal,
    readAnswer: (message) => readEntry(subject, message) ?? readRefusal(message),
  });
  if ("refusal" in answer) throw new MessagingError("Refused", `${what}: ${answer.refusal}`);
  return answer;
}

function readEntry(subject: string, { headers, data }: Msg): Reading<DirectEntry> | null {
  if (headers?.get("Nats-Subject") !== subject) return null;
  const sequence = Number(headers.get("Nats-Sequence"));
  const writtenAt = headers.get("Nats-Time-Stamp");
  if (!Number.isSafeInteger(sequence) || sequence < 1 || Number.isNaN(Date.parse(writtenAt))) return null;
  const operation = headers.get("KV-Operation");
  const isMarker = operation === "DEL" || operation === "PURGE" || headers.has("Nats-Marker-Reason");
  return { answer: isMarker ? { kind: "absent", sequence } : { kind: "found", sequence, writtenAt, data }, isSure: true };
}

function readRefusal({ headers }: Msg): Reading<DirectEntry | { readonly refusal: string }> | null {
  if (headers === undefined || headers.code < 400 || headers.has("Nats-Subject")) return null;
  return { answer: headers.code === 404 ? { kind: "absent", sequence: 0 } : { refusal: headers.description }, isSure: false };
}
