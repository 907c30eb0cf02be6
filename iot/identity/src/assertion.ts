// What a device signs: that it is itself (an assertion, for which an issuer gives a token), and that
// it holds the key that it asks for (a proof, over a nonce, which takes no clock). Written with
// Node's own crypto, because a library of JWTs would stay in the memory of each device.

import { createPrivateKey, type KeyObject, sign } from "node:crypto";

const BACKDATED_S = 30;
const VALID_S = 60;

/** Signs with the device's key, wherever that is: in a file, or in a chip. */
export interface Signer {
  readonly publicKeyPem: string;
  /** RSASSA-PKCS1-v1_5 with SHA-256. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

export function keySigner(key: KeyObject, publicKeyPem: string): Signer {
  return { publicKeyPem, sign: (data) => Promise.resolve(sign("sha256", data, key)) };
}

/** @throws what Node's crypto says of a PEM that is none. */
export function privateKeyOf(pem: string): KeyObject {
  return createPrivateKey(pem);
}

export interface AssertionOf {
  readonly device: string;
  readonly keyId: string;
  /** The issuer that is asked. */
  readonly audience: string;
  readonly nowMs: number;
}

/** Backdated: an issuer refuses one that was signed a second ahead of its own clock. */
export function signAssertion(signer: Signer, { device, keyId, audience, nowMs }: AssertionOf): Promise<string> {
  const nowS = Math.floor(nowMs / 1_000);
  const claims = { iss: device, sub: device, aud: audience, iat: nowS - BACKDATED_S, exp: nowS + VALID_S };
  return signed(signer, { alg: "RS256", kid: keyId }, claims);
}

export function signProof(signer: Signer, of: { readonly audience: string; readonly nonce: string }): Promise<string> {
  return signed(signer, { alg: "RS256" }, { aud: of.audience, nonce: of.nonce });
}

async function signed(signer: Signer, header: object, claims: object): Promise<string> {
  const text = `${base64(header)}.${base64(claims)}`;
  return `${text}.${Buffer.from(await signer.sign(Buffer.from(text))).toString("base64url")}`;
}

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** What is asked of Zitadel beside the token: that it is for this project, and says the roles. */
export function tokenScope(project: string): string {
  return `openid urn:zitadel:iam:org:project:id:${project}:aud urn:zitadel:iam:org:projects:roles`;
}
