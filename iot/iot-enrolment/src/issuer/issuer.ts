// The issuer of a fleet without Zitadel: one key of its own, which signs the tokens of devices as
// Zitadel writes them. The key is a file that nobody else reads, made at the first start.

import { createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { EX_CONFIG, UserError, writeFileDurably } from "@harmony/runtime";
import {
  type Issuer,
  keyIdOf,
  makeDeviceKey,
  type Person,
  privateKeyOf,
  signToken,
  type TokenClaims,
  type Verified,
  verifyToken,
} from "@iot/identity";

export interface OwnIssuer {
  /** As the callout reads it. */
  readonly document: Issuer;
  readonly tokenLifeS: number;
  token(device: string, nowMs: number): Promise<string>;
  personToken(person: Pick<Person, "name" | "role">, nowMs: number): Promise<string>;
  verify(token: string, nowMs: number): Promise<Verified<TokenClaims>>;
}

/** Nothing ends it sooner: who is removed has what he has for so long. */
export const PERSON_TOKEN_LIFE_S = 900;
/** A fleet of its own has one of each. */
const PROJECT = "iot";
const ORGANISATION = "standalone";

export function openIssuer(key: KeyObject, { url, tokenLifeS }: { readonly url: string; readonly tokenLifeS: number }): OwnIssuer {
  const publicKey = createPublicKey(key);
  const { n = "", e = "" } = publicKey.export({ format: "jwk" });
  const keyId = keyIdOf(publicKey);
  const document: Issuer = {
    issuer: url,
    project: PROJECT,
    organisation: ORGANISATION,
    jwks: { keys: [{ kty: "RSA", n, e, kid: keyId, alg: "RS256", use: "sig" }] },
  };
  return {
    document,
    tokenLifeS,
    token: (device, nowMs) => signToken(key, { subject: device, role: "device", issuer: document, keyId, nowMs, lifeS: tokenLifeS }),
    personToken: ({ name, role }, nowMs) =>
      signToken(key, { subject: name, role, issuer: document, keyId, nowMs, lifeS: PERSON_TOKEN_LIFE_S }),
    verify: (token, nowMs) => verifyToken(token, document, nowMs),
  };
}

/** Made when it is not there. @throws UserError when it is there and cannot be read. */
export async function readIssuerKey(path: string): Promise<KeyObject> {
  const pem = await readFile(path, "utf8").catch((cause: unknown) => {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw new UserError(`${path}: the issuer's key cannot be read: give the file to the user that this service runs as`, EX_CONFIG, {
      cause,
    });
  });
  if (pem === null) {
    const made = await makeDeviceKey();
    await writeFileDurably(path, made).catch((cause: unknown) => {
      throw new UserError(
        `${path}: the issuer's key cannot be written: make the folder, for the user that this service runs as`,
        EX_CONFIG,
        { cause },
      );
    });
    return privateKeyOf(made);
  }
  try {
    return privateKeyOf(pem);
  } catch (cause) {
    throw new UserError(
      `${path}: it holds no private key: put the right file back, or remove it, and all devices ask for new tokens`,
      EX_CONFIG,
      { cause },
    );
  }
}
