// The issuer of a fleet without Zitadel: a key of its own signs the tokens of devices, as Zitadel writes
// them.

import { createPublicKey, type KeyObject } from "node:crypto";
import { DnsLabel } from "@harmony/schema";
import { type DeviceRecord, type Issuer, keyIdOf, type Person, signToken } from "@iot/identity";
import type { IssuerKeys } from "./issuer-keys.ts";

export interface OwnIssuer {
  /** As the callout reads it, with the keys of now. */
  readonly document: Issuer;
  readonly tokenLifeS: number;
  token(record: Pick<DeviceRecord, "device" | "labels">, nowMs: number): Promise<string>;
  personToken(person: Pick<Person, "name" | "role">, nowMs: number): Promise<string>;
}

/** Nothing ends it sooner: who is removed has what he has for so long. */
export const PERSON_TOKEN_LIFE_S = 900;
/** Of a fleet of its own, there is one of each. */
const PROJECT = "iot";
const ORGANISATION = "standalone";

/** `keys`: those of now. */
export function openIssuer(keys: () => IssuerKeys, { url, tokenLifeS }: { readonly url: string; readonly tokenLifeS: number }): OwnIssuer {
  const place = { issuer: url, project: PROJECT, organisation: ORGANISATION };
  const sign = (of: {
    subject: string;
    role: "device" | Person["role"];
    nowMs: number;
    lifeS: number;
    group?: string | undefined;
  }): Promise<string> => {
    const { present } = keys();
    return signToken(present, { ...of, issuer: place, keyId: keyIdOf(present) });
  };
  return {
    get document() {
      const { present, others } = keys();
      return { ...place, jwks: { keys: [present, ...others].map(jwkOf) } };
    },
    tokenLifeS,
    token: ({ device, labels }, nowMs) => sign({ subject: device, role: "device", nowMs, lifeS: tokenLifeS, group: groupOf(labels) }),
    personToken: ({ name, role }, nowMs) => sign({ subject: name, role, nowMs, lifeS: PERSON_TOKEN_LIFE_S }),
  };
}

function jwkOf(key: KeyObject): Issuer["jwks"]["keys"][number] {
  const { n = "", e = "" } = createPublicKey(key).export({ format: "jwk" });
  return { kty: "RSA", n, e, kid: keyIdOf(key), alg: "RS256", use: "sig" };
}

/** It becomes a part of a path in OpenBao, so it is one word. */
function groupOf(labels: DeviceRecord["labels"]): string | undefined {
  const group = DnsLabel.safeParse(labels?.["group"]);
  return group.success ? group.data : undefined;
}
