// The key of a device: made on it, and never leaving it. RSA, because an issuer takes no other for
// an assertion. What others see of it is its public half, and a code that a person can compare.

import { createHash, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

const BITS = { least: 2_048, most: 4_096 };
/** Neither I, L, O nor U: nobody reads one for another. */
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_LETTERS = 12;

/** A private key as PEM. Takes a small device some seconds. */
export async function makeDeviceKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: BITS.least, publicExponent: 0x10001 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

export function publicPem(key: KeyObject): string {
  return publicHalf(key).export({ type: "spki", format: "pem" }).toString();
}

/** Of a pair, or of a key that is public already. */
function publicHalf(key: KeyObject): KeyObject {
  return key.type === "public" ? key : createPublicKey(key);
}

function digestOf(key: KeyObject): Buffer {
  return createHash("sha256")
    .update(publicHalf(key).export({ type: "spki", format: "der" }))
    .digest();
}

export type PublicKeyRead = { readonly ok: true; readonly key: KeyObject } | { readonly ok: false; readonly why: string };

/** A key that another machine sent: only one that is as strong as ours, and a public one. */
export function readPublicKey(pem: string): PublicKeyRead {
  if (!pem.startsWith("-----BEGIN PUBLIC KEY-----")) return { ok: false, why: "it is no public key in PEM" };
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    return { ok: false, why: "it is no public key in PEM" };
  }
  if (key.asymmetricKeyType !== "rsa") return { ok: false, why: `it is of type ${key.asymmetricKeyType ?? "unknown"}, and must be RSA` };
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < BITS.least || modulusLength > BITS.most) {
    return { ok: false, why: `it has ${modulusLength} bits, and must have ${BITS.least} to ${BITS.most}` };
  }
  if (publicExponent !== 65_537n) return { ok: false, why: `its exponent is ${publicExponent}, and must be 65537` };
  return { ok: true, key };
}

/** 60 bits of the key's digest, for a person: `7K4M-92QD-X3AA`. */
export function codeOfKey(key: KeyObject): string {
  return codeOfBytes(digestOf(key));
}

/** The first 60 bits, as a person reads and types them. */
export function codeOfBytes(bytes: Uint8Array): string {
  let bits = 0n;
  for (const byte of bytes.subarray(0, 8)) bits = (bits << 8n) | BigInt(byte);
  const letters = Array.from({ length: CODE_LETTERS }, (_, index) => LETTERS[Number((bits >> BigInt(59 - index * 5)) & 31n)]);
  return (letters.join("").match(/.{4}/g) ?? []).join("-");
}

/** A code as somebody typed it: small letters, no hyphens, a letter for the digit it looks like. */
export function typedCode(text: string): string {
  const letters = text.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  return (letters.match(/.{1,4}/g) ?? []).join("-");
}

/** The name of a key among the keys of one device. */
export function keyIdOf(key: KeyObject): string {
  return digestOf(key).toString("hex").slice(0, 16);
}
