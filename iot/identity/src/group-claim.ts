// The group of a device in its token: a label that was given with the approval. OpenBao lets a
// device read what is its group's by this claim, so that a device cannot choose.

import { DnsLabel, parseJson } from "@harmony/schema";
import * as z from "zod/mini";

export const GROUP_CLAIM = "iot_group";

const Claims = z.looseObject({ [GROUP_CLAIM]: z.optional(DnsLabel) });

/** By the device's own token, which is not verified here; undefined: it is in no group. */
export function groupInToken(token: string): string | undefined {
  const claims = parseJson(Claims, Buffer.from(token.split(".")[1] ?? "", "base64url"));
  return claims.ok ? claims.value[GROUP_CLAIM] : undefined;
}
