// The attack list on what is signed: each row is refused, and with the sentence that the log gets.

import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { exportJWK } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import {
  codeOfKey,
  type Issuer,
  keyIdOf,
  keySigner,
  makeDeviceKey,
  PersonRole,
  publicPem,
  roleClaim,
  signAssertion,
  signProof,
  signToken,
  verifyAssertion,
  verifyPersonToken,
  verifyProof,
  verifyToken,
} from "./index.ts";

const NOW_MS = Date.parse("2026-06-01T12:00:00Z");
const NOW_S = NOW_MS / 1_000;
const ISSUER = "https://enrol.example";
const place = { issuer: ISSUER, project: "iot", organisation: "standalone" };

let key: KeyObject;
let otherKey: KeyObject;
let issuer: Issuer;
beforeAll(async () => {
  [key, otherKey] = [createPrivateKey(await makeDeviceKey()), createPrivateKey(await makeDeviceKey())];
  const { n = "", e = "" } = await exportJWK(createPublicKey(key));
  issuer = { ...place, jwks: { keys: [{ kty: "RSA", n, e, kid: "k1", alg: "RS256", use: "sig" }] } };
});

function jws(header: object, claims: object, by: KeyObject | "none" | { readonly secret: string } = key): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  if (by === "none") return `${text}.`;
  if ("secret" in by) return `${text}.${createHmac("sha256", by.secret).update(text).digest("base64url")}`;
  return `${text}.${sign("sha256", Buffer.from(text), by).toString("base64url")}`;
}

const header = { alg: "RS256", kid: "k1" };
function claims(changed: object = {}): object {
  const role = { [roleClaim("iot")]: { device: { standalone: "standalone" } } };
  return { iss: ISSUER, sub: "pi-1", aud: "iot", iat: NOW_S, exp: NOW_S + 60, ...role, ...changed };
}

describe("a person's token", () => {
  const person = (role: PersonRole, changed: object = {}): string =>
    jws(header, { ...claims({ sub: "anna", [roleClaim("iot")]: { [role]: { standalone: "standalone" } } }), ...changed });

  test.each(PersonRole.options)("gives the role of a %s, and is none of a device", async (role) => {
    const token = await signToken(key, { subject: "anna", role, issuer, keyId: "k1", nowMs: NOW_MS, lifeS: 60 });
    expect(await verifyPersonToken(token, issuer, NOW_MS)).toEqual({
      kind: "valid",
      claims: { person: "anna", role, expiresAtS: NOW_S + 60 },
    });
    expect(await verifyToken(token, issuer, NOW_MS)).toMatchObject({ kind: "refused", why: "the token has not the role of a device" });
  });

  test.each<[string, () => string, string]>([
    ["a device's", () => jws(header, claims()), "not the role of a person"],
    [
      "of both",
      () => person("admin", claims({ [roleClaim("iot")]: { device: { standalone: "" }, admin: { standalone: "" } } })),
      "role of a person",
    ],
    ["of another organisation", () => person("admin", { [roleClaim("iot")]: { admin: { theirs: "theirs" } } }), "role of a person"],
    [
      "of another project",
      () => person("admin", { [roleClaim("iot")]: {}, [roleClaim("shop")]: { admin: { standalone: "" } } }),
      "role of a person",
    ],
    [
      "of a role that there is not",
      () => person("admin", { [roleClaim("iot")]: { root: { standalone: "standalone" } } }),
      "role of a person",
    ],
    ["of a name that is a wildcard", () => person("admin", { sub: "*" }), "no name of a person"],
    ["of a name with a dot", () => person("admin", { sub: "a.b" }), "no name of a person"],
    ["expired", () => person("admin", { exp: NOW_S - 31 }), "it has expired"],
    ["of another's key", () => jws(header, { ...claims(), sub: "anna" }, otherKey), "its signature is wrong"],
  ])("is refused: %s", async (_what, make, why) => {
    expect(await verifyPersonToken(make(), issuer, NOW_MS)).toEqual({ kind: "refused", why: expect.stringContaining(why) as unknown });
  });
});

describe("a token", () => {
  test("that the issuer gave is believed", async () => {
    const token = await signToken(key, { subject: "pi-1", role: "device", issuer, keyId: "k1", nowMs: NOW_MS, lifeS: 60 });
    expect(await verifyToken(token, issuer, NOW_MS)).toEqual({
      kind: "valid",
      claims: { device: "pi-1", issuedAtS: NOW_S, expiresAtS: NOW_S + 60 },
    });
  });

  test("is not known to be good or bad without the issuer's keys", async () => {
    expect(await verifyToken(jws(header, claims()), null, NOW_MS)).toMatchObject({ kind: "unknown" });
  });

  test.each<[string, () => string, string]>([
    ["nothing", () => "", "it is no signed token"],
    ["garbage", () => "x.y.z", "it is no signed token"],
    ["too long", () => jws(header, claims({ more: "x".repeat(3_000) })), "more than 3500"],
    ["alg none", () => jws({ alg: "none", kid: "k1" }, claims(), "none"), "it is not signed by RS256"],
    [
      "HS256 with the public key",
      () => jws({ ...header, alg: "HS256" }, claims(), { secret: publicPem(key) }),
      "it is not signed by RS256",
    ],
    ["RS512 in the header", () => jws({ ...header, alg: "RS512" }, claims()), "it is not signed by RS256"],
    ["another's key", () => jws(header, claims(), otherKey), "its signature is wrong"],
    ["an unknown kid", () => jws({ ...header, kid: "k2" }, claims()), "a key that is not known"],
    ["a changed payload", () => changedSubject(jws(header, claims())), "its signature is wrong"],
    ["an extension that must be understood", () => jws({ ...header, crit: ["x"], x: 1 }, claims()), "it is no signed token"],
    ["another issuer", () => jws(header, claims({ iss: "https://evil.example" })), 'its claim "iss"'],
    ["another audience", () => jws(header, claims({ aud: "shop" })), 'its claim "aud"'],
    ["no subject", () => jws(header, claims({ sub: undefined })), 'its claim "sub"'],
    ["no end", () => jws(header, claims({ exp: undefined })), 'its claim "exp"'],
    ["no begin", () => jws(header, claims({ iat: undefined })), 'its claim "iat"'],
    ["an end as text", () => jws(header, claims({ exp: "9999999999" })), 'its claim "exp"'],
    ["expired", () => jws(header, claims({ exp: NOW_S - 31 })), "it has expired"],
    ["not yet", () => jws(header, claims({ nbf: NOW_S + 31 })), 'its claim "nbf"'],
    ["of the future", () => jws(header, claims({ iat: NOW_S + 31 })), "issued in the future"],
    ["no role", () => jws(header, claims({ [roleClaim("iot")]: undefined })), "not the role of a device"],
    ["a role of another organisation", () => jws(header, claims({ [roleClaim("iot")]: { device: { x: "x" } } })), "not the role"],
    ["a role by inheritance", () => jws(header, claims({ [roleClaim("iot")]: { device: [] } })), "not the role"],
    ["an id of digits", () => jws(header, claims({ sub: "12345" })), "no id of a device"],
    ["an id with a wildcard", () => jws(header, claims({ sub: "*" })), "no id of a device"],
    ["an id of two names", () => jws(header, claims({ sub: "pi-1.pi-2" })), "no id of a device"],
  ])("is refused: %s", async (_what, make, why) => {
    expect(await verifyToken(make(), issuer, NOW_MS)).toMatchObject({ kind: "refused", why: expect.stringContaining(why) as unknown });
  });

  test("is refused when it names no key and two fit", async () => {
    const [first] = issuer.jwks.keys;
    const two = first === undefined ? [] : [first, { ...first, kid: "k2" }];
    expect(await verifyToken(jws({ alg: "RS256" }, claims()), { ...issuer, jwks: { keys: two } }, NOW_MS)).toMatchObject({
      kind: "refused",
    });
  });
});

describe("an assertion", () => {
  const keysOf = (device: string) => {
    const [of, id] = device === "pi-1" ? [key, "a"] : device === "pi-2" ? [otherKey, "b"] : [null, ""];
    return of === null ? [] : [{ keyId: id, publicKey: publicPem(of) }];
  };
  const verify = (assertion: string) => verifyAssertion(assertion, { audience: ISSUER, nowMs: NOW_MS, keysOf });
  const good = { iss: "pi-1", sub: "pi-1", aud: ISSUER, iat: NOW_S - 30, exp: NOW_S + 60 };

  test("of the device's own key is believed", async () => {
    const signer = keySigner(key, publicPem(key));
    const assertion = await signAssertion(signer, { device: "pi-1", keyId: "a", audience: ISSUER, nowMs: NOW_MS });
    expect(await verify(assertion)).toEqual({ kind: "valid", device: "pi-1", keyId: "a" });
  });

  test.each<[string, () => string, string]>([
    ["of another, signed by its own key", () => jws({ alg: "RS256", kid: "a" }, { ...good, iss: "pi-2", sub: "pi-2" }), "not known"],
    ["of another, with its kid", () => jws({ alg: "RS256", kid: "b" }, { ...good, iss: "pi-2", sub: "pi-2" }), "its signature is wrong"],
    ["issuer and subject differ", () => jws({ alg: "RS256", kid: "a" }, { ...good, iss: "pi-2" }), 'its claim "iss"'],
    ["a device that is not there", () => jws({ alg: "RS256", kid: "a" }, { ...good, iss: "pi-9", sub: "pi-9" }), "not known"],
    ["without kid", () => jws({ alg: "RS256" }, good), "not known"],
    ["another audience", () => jws({ alg: "RS256", kid: "a" }, { ...good, aud: "https://evil.example" }), 'its claim "aud"'],
    ["expired", () => jws({ alg: "RS256", kid: "a" }, { ...good, exp: NOW_S - 1 }), "expired"],
    ["without end", () => jws({ alg: "RS256", kid: "a" }, { ...good, exp: undefined }), 'its claim "exp"'],
    ["without begin", () => jws({ alg: "RS256", kid: "a" }, { ...good, iat: undefined }), 'its claim "iat"'],
    ["two hours old", () => jws({ alg: "RS256", kid: "a" }, { ...good, iat: NOW_S - 7_200 }), "more than an hour"],
    ["for a year", () => jws({ alg: "RS256", kid: "a" }, { ...good, exp: NOW_S + 31_536_000 }), "more than an hour"],
    ["of the future", () => jws({ alg: "RS256", kid: "a" }, { ...good, iat: NOW_S + 3 }), "in the future"],
    ["alg none", () => jws({ alg: "none", kid: "a" }, good, "none"), "not signed by RS256"],
    ["HS256", () => jws({ alg: "HS256", kid: "a" }, good, { secret: publicPem(key) }), "not signed by RS256"],
    ["garbage", () => "a.b", "no assertion of a device"],
  ])("is refused: %s", async (_what, make, why) => {
    expect(await verify(make())).toEqual({ kind: "refused", why: expect.stringContaining(why) as unknown });
  });
});

describe("a proof", () => {
  const signer = () => keySigner(key, publicPem(key));
  const proof = (audience = ISSUER) => signProof(signer(), { audience, nonce: "n" });

  test("of the key that is shown is believed", async () => {
    expect(await verifyProof(await proof(), { publicKey: publicPem(key), audience: ISSUER })).toMatchObject({ kind: "valid", nonce: "n" });
    expect(keyIdOf(key)).toMatch(/^[0-9a-f]{16}$/);
    const publicHalf = createPublicKey(key);
    expect([keyIdOf(publicHalf), publicPem(publicHalf), codeOfKey(publicHalf)]).toEqual([keyIdOf(key), publicPem(key), codeOfKey(key)]);
  });

  const weak = (options: { modulusLength: number; publicExponent?: number }) => publicPem(generateKeyPairSync("rsa", options).privateKey);
  test.each<[string, () => string, string]>([
    ["another's key", () => publicPem(otherKey), "signature is wrong"],
    ["a private key", () => key.export({ type: "pkcs8", format: "pem" }).toString(), "no public key"],
    ["1024 bits", () => weak({ modulusLength: 1_024 }), "1024 bits"],
    ["exponent 3", () => weak({ modulusLength: 2_048, publicExponent: 3 }), "exponent is 3"],
    ["an elliptic curve", () => publicPem(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey), "must be RSA"],
    ["nothing", () => "", "no public key"],
    ["garbage in PEM", () => "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"],
  ])("is refused with %s", async (_what, publicKey, why) => {
    const verified = await verifyProof(await proof(), { publicKey: publicKey(), audience: ISSUER });
    expect(verified).toEqual({ kind: "refused", why: expect.stringContaining(why) as unknown });
  });

  test("for another place is refused", async () => {
    const verified = await verifyProof(await proof("https://evil.example"), { publicKey: publicPem(key), audience: ISSUER });
    expect(verified).toMatchObject({ kind: "refused" });
  });
});

function changedSubject(token: string): string {
  const [head = "", payload = "", signature = ""] = token.split(".");
  const changed = Buffer.from(payload, "base64url").toString().replace("pi-1", "pi-2");
  return [head, Buffer.from(changed).toString("base64url"), signature].join(".");
}
