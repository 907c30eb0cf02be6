// What the bucket `grants` lacks: it follows from the records of the devices, so that one that was
// wiped, or a deed that was cut off, is repaired from them. A grant without a record is left alone:
// another service may have written it.

import type { Issuer } from "@iot/identity";
import { grantOf, keepGrant } from "./admit.ts";
import type { Held, Plan } from "./held.ts";

export function planRepair(held: Held, issuer: Issuer): Plan<number> {
  const writes = [
    ...keepGrant(held, "_issuer", issuer),
    ...held.devices().flatMap((record) => keepGrant(held, record.device, grantOf(record))),
  ];
  return { kind: "do", writes, answer: writes.length };
}
