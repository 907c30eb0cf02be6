// What a device is answered about its request, from the records as they are now.

import { createPublicKey } from "node:crypto";
import {
  type DeviceRecord,
  type EnrolmentAnswer,
  type EnrolmentRecord,
  keyIdOf,
  type NatsServers,
  type OpenBaoPlace,
  type ZitadelAccount,
} from "@iot/identity";
import { type Held, type Refusal } from "./held.ts";

/** What each device that is approved gets to know. */
export interface Place {
  readonly issuer: string;
  readonly project: string;
  /** Where it is, unless OpenBao says so. */
  readonly nats?: NatsServers;
  readonly openbao?: OpenBaoPlace;
  /** Of a service with Zitadel: null while it is not made yet. */
  readonly accountOf?: (record: DeviceRecord, keyId: string) => ZitadelAccount | null;
}

const RETRY_AFTER_S = 5;
/** Nobody is waited for but Zitadel. */
const ACCOUNT_AFTER_S = 1;

export type RequestAnswered =
  | { readonly kind: "answer"; readonly answer: EnrolmentAnswer }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export function answerRequest(
  held: Held,
  { code, publicKey, state, device, reason }: EnrolmentRecord,
  { accountOf, ...place }: Place,
): RequestAnswered {
  if (state === "denied") return { kind: "answer", answer: { state, code, ...(reason === undefined ? {} : { reason }) } };
  if (state === "pending" || device === undefined)
    return { kind: "answer", answer: { state: "pending", code, retryAfterS: RETRY_AFTER_S } };
  const keyId = keyIdOf(createPublicKey(publicKey));
  const record = held.device(device).value;
  if (record?.keys.some((key) => key.keyId === keyId) !== true) {
    const why = `this key is not that of "${device}" any more: enrol with a new key, and approve it with --replaces ${device}`;
    return { kind: "refused", refusal: { status: 410, why } };
  }
  const zitadel = accountOf?.(record, keyId);
  if (zitadel === null) return { kind: "answer", answer: { state: "pending", code, retryAfterS: ACCOUNT_AFTER_S } };
  return { kind: "answer", answer: { state: "approved", code, device, keyId, ...place, ...(zitadel === undefined ? {} : { zitadel }) } };
}
