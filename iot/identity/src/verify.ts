// Whether what was signed is to be believed: a device's token, its assertion, its proof. Each has
// one algorithm, one audience and the claims that it must have; what is wrong is a sentence, and a
// key that cannot be had is distinguished from a signature that is wrong.

import type { KeyObject } from "node:crypto";
import { DnsLabel } from "@harmony/schema";
import { createLocalJWKSet, errors, importSPKI, jwtVerify, type JWTVerifyOptions, SignJWT } from "jose";
import { readPublicKey } from "./device-key.ts";
import { EnrolledId, type Issuer, PersonRole } from "./documents.ts";
import { GROUP_CLAIM } from "./group-claim.ts";

const ALGORITHM = "RS256";
const LEEWAY_S = 30;
const OLDEST_ASSERTION_S = 3_600;
const LONGEST_ASSERTION_S = 3_600;
/** The whole of NATS' CONNECT has to fit 4,096 bytes. */
export const TOKEN_BYTES = 3_500;

export interface TokenClaims {
  readonly device: string;
  readonly issuedAtS: number;
  readonly expiresAtS: number;
}

export interface PersonClaims {
  readonly person: string;
  readonly role: PersonRole;
  readonly expiresAtS: number;
}

export type Verified<Claims> =
  | { readonly kind: "valid"; readonly claims: Claims }
  | { readonly kind: "refused"; readonly why: string; readonly isKeyUnknown?: true }
  /** Nobody can say: the keys of the issuer are not there. */
  | { readonly kind: "unknown"; readonly why: string };

type Refused = { readonly kind: "refused"; readonly why: string };

/** Of the issuers that are believed, the one that the token names; it says so of itself. */
export function issuerOf(token: string, issuers: readonly Issuer[]): Issuer | null {
  const named = at(unverifiedClaims(token), "iss");
  return issuers.find(({ issuer }) => issuer === named) ?? issuers[0] ?? null;
}

/** The audience permits nothing: whoever asks gets it. The role does, when our organisation gave it. */
export async function verifyToken(token: string, issuer: Issuer | null, nowMs: number): Promise<Verified<TokenClaims>> {
  const read = await readToken(token, issuer, nowMs);
  if (read.kind !== "valid") return read;
  const { subject, roles, issuedAtS, expiresAtS } = read.claims;
  if (!roles.has("device")) return refused("the token has not the role of a device");
  if (!EnrolledId.safeParse(subject).success) return refused("the token's subject is no id of a device");
  return { kind: "valid", claims: { device: subject, issuedAtS, expiresAtS } };
}

/** Of several roles the one that permits most. */
export async function verifyPersonToken(token: string, issuer: Issuer | null, nowMs: number): Promise<Verified<PersonClaims>> {
  const read = await readToken(token, issuer, nowMs);
  if (read.kind !== "valid") return read;
  const { subject, roles, expiresAtS } = read.claims;
  const role = PersonRole.options.findLast((each) => roles.has(each));
  if (role === undefined || roles.has("device")) return refused("the token has not the role of a person");
  if (!DnsLabel.safeParse(subject).success) return refused("the token's subject is no name of a person");
  return { kind: "valid", claims: { person: subject, role, expiresAtS } };
}

interface ReadClaims {
  readonly subject: string;
  /** Those that our organisation gave. */
  readonly roles: ReadonlySet<string>;
  readonly issuedAtS: number;
  readonly expiresAtS: number;
}

async function readToken(token: string, issuer: Issuer | null, nowMs: number): Promise<Verified<ReadClaims>> {
  if (token.length > TOKEN_BYTES) return refused(`the token has ${token.length} characters, more than ${TOKEN_BYTES}`);
  if (issuer === null) return { kind: "unknown", why: "the keys of the issuer are not known" };
  const options = {
    ...atNow(nowMs),
    issuer: issuer.issuer,
    audience: issuer.project,
    clockTolerance: LEEWAY_S,
    requiredClaims: ["sub", "exp", "iat"],
  };
  let payload;
  try {
    ({ payload } = await jwtVerify(token, createLocalJWKSet(issuer.jwks), options));
  } catch (error) {
    const refusal = refused(reasonOf(error));
    return error instanceof errors.JWKSNoMatchingKey ? { ...refusal, isKeyUnknown: true } : refusal;
  }
  const { sub = "", iat = 0, exp = 0 } = payload;
  if (iat > nowMs / 1_000 + LEEWAY_S) return refused("the token was issued in the future");
  const given = payload[roleClaim(issuer.project)];
  const roles = new Set(["device", ...PersonRole.options].filter((role) => at(at(given, role), issuer.organisation) !== undefined));
  return { kind: "valid", claims: { subject: sub, roles, issuedAtS: iat, expiresAtS: exp } };
}

export function roleClaim(project: string): string {
  return `urn:zitadel:iam:org:project:${project}:roles`;
}

export interface TokenOf {
  /** The id of a device, or the name of a person. */
  readonly subject: string;
  readonly role: "device" | PersonRole;
  readonly issuer: Pick<Issuer, "issuer" | "project" | "organisation">;
  readonly keyId: string;
  readonly nowMs: number;
  readonly lifeS: number;
  /** Of a device, as it was given with the approval: OpenBao lets it read what is its group's. */
  readonly group?: string | undefined;
}

/** As Zitadel writes it, by an issuer of our own. */
export function signToken(key: KeyObject, { subject, role, issuer, keyId, nowMs, lifeS, group }: TokenOf): Promise<string> {
  const nowS = Math.floor(nowMs / 1_000);
  const roles = { [roleClaim(issuer.project)]: { [role]: { [issuer.organisation]: issuer.organisation } } };
  return new SignJWT(group === undefined ? roles : { ...roles, [GROUP_CLAIM]: group })
    .setProtectedHeader({ alg: ALGORITHM, kid: keyId })
    .setIssuer(issuer.issuer)
    .setSubject(subject)
    .setAudience(issuer.project)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + lifeS)
    .sign(key);
}

export interface AssertionKey {
  readonly keyId: string;
  readonly publicKey: string;
}

/** `keysOf`: the keys of a device that exists and is not disabled; none otherwise. */
export async function verifyAssertion(
  assertion: string,
  { audience, nowMs, keysOf }: { readonly audience: string; readonly nowMs: number; keysOf(device: string): readonly AssertionKey[] },
): Promise<{ readonly kind: "valid"; readonly device: string; readonly keyId: string } | Refused> {
  const device = unverifiedSubject(assertion);
  if (device === null) return refused("it is no assertion of a device");
  const keys = keysOf(device);
  let payload;
  let keyId = "";
  try {
    const options = { ...atNow(nowMs), issuer: device, subject: device, audience, requiredClaims: ["exp", "iat"] };
    ({ payload } = await jwtVerify(
      assertion,
      async ({ kid }) => {
        const known = keys.find(({ keyId }) => keyId === kid);
        if (known === undefined) throw new errors.JWKSNoMatchingKey();
        ({ keyId } = known);
        return importSPKI(known.publicKey, ALGORITHM);
      },
      options,
    ));
  } catch (error) {
    return refused(reasonOf(error));
  }
  const [iat, exp, nowS] = [payload.iat ?? 0, payload.exp ?? 0, nowMs / 1_000];
  if (iat > nowS + 1) return refused("it was signed in the future");
  if (iat < nowS - OLDEST_ASSERTION_S) return refused("it was signed more than an hour ago");
  if (exp - iat > LONGEST_ASSERTION_S) return refused("it is valid for more than an hour");
  return { kind: "valid", device, keyId };
}

/** That who asks holds this key, here and now. The nonce is the caller's to check. */
export async function verifyProof(
  proof: string,
  { publicKey, audience }: { readonly publicKey: string; readonly audience: string },
): Promise<{ readonly kind: "valid"; readonly nonce: string; readonly key: KeyObject } | Refused> {
  const read = readPublicKey(publicKey);
  if (!read.ok) return refused(`the key is refused: ${read.why}`);
  try {
    const { payload } = await jwtVerify(proof, read.key, { algorithms: [ALGORITHM], audience });
    const { nonce } = payload;
    return typeof nonce === "string" ? { kind: "valid", nonce, key: read.key } : refused("the proof has no nonce");
  } catch (error) {
    return refused(`the proof is refused: ${reasonOf(error)}`);
  }
}

function atNow(nowMs: number): JWTVerifyOptions {
  return { algorithms: [ALGORITHM], currentDate: new Date(nowMs) };
}

/** Only to find the keys by which the same subject is then verified. */
function unverifiedSubject(jws: string): string | null {
  const subject = EnrolledId.safeParse(at(unverifiedClaims(jws), "sub"));
  return subject.success ? subject.data : null;
}

function unverifiedClaims(jws: string): unknown {
  try {
    return JSON.parse(Buffer.from(jws.split(".")[1] ?? "", "base64url").toString());
  } catch {
    return null;
  }
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

function refused(why: string): Refused {
  return { kind: "refused", why };
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "it has expired";
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim "${error.claim}" is not what it must be`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature is wrong";
  if (error instanceof errors.JOSEAlgNotAllowed) return `it is not signed by ${ALGORITHM}`;
  if (error instanceof errors.JWKSNoMatchingKey) return "it is signed by a key that is not known";
  if (error instanceof errors.JWKSMultipleMatchingKeys) return "it names no key, and several fit";
  return "it is no signed token";
}
