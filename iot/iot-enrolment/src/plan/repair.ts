// What the bucket `grants` lacks: it follows from the records of the devices, so that one that was
// wiped, or a deed that was cut off, is repaired from them. A grant without a record is left alone:
// another service may have written it.

import { parseJson } from "@harmony/schema";
import { Issuer } from "@iot/identity";
import { grantOf, keepGrant } from "./admit.ts";
import { type Held, type Plan, refused } from "./held.ts";

export const ZITADEL_KEY = "_issuer.zitadel";

/** Two services that write one bucket would end each other's tokens. */
export function planRepair(held: Held, issuer: Issuer, zitadel: Issuer | null = null): Plan<number> {
  const before = parseJson(Issuer, held.grant("_issuer").value ?? "null");
  if (before.ok && before.value.issuer !== issuer.issuer) {
    return refused(
      409,
      `the bucket grants is that of the issuer ${before.value.issuer}, and IOT_ENROLMENT_URL is ${issuer.issuer}: put the address right, ` +
        "or, if the other one is gone for good, remove the key _issuer (nats kv del grants _issuer)",
    );
  }
  const writes = [
    ...keepGrant(held, "_issuer", issuer),
    ...(zitadel === null ? [] : keepGrant(held, ZITADEL_KEY, withKeys(zitadel, held.grant(ZITADEL_KEY).value))),
    ...held.devices().flatMap((record) => keepGrant(held, record.device, grantOf(record))),
  ];
  return { kind: "do", writes, answer: writes.length };
}

/** The callouts read its keys, and keep them there. */
function withKeys(zitadel: Issuer, kept: string | null): Issuer {
  const before = parseJson(Issuer, kept ?? "null");
  const isSame = before.ok && before.value.issuer === zitadel.issuer && before.value.project === zitadel.project;
  return isSame ? { ...zitadel, jwks: before.value.jwks } : zitadel;
}
