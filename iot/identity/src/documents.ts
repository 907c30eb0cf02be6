// The documents of identity, as they cross a wire or lie in a bucket: what a device asks when it
// wants to be one, what it is answered, and what it is granted. All of them are bounded. A field
// that is not known is passed over, because a newer service may write it.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";

export const Line = z.string().check(z.maxLength(200));
export const Seconds = z.int().check(z.minimum(0));
/** RSA of 4096 bits takes 800 characters. */
const Pem = z.string().check(z.maxLength(2_048));
const Certificates = z.string().check(z.maxLength(16_384));
const Jws = z.string().check(z.maxLength(3_500));
export const Code = z.string().check(z.regex(/^[0-9A-Z]{4}(-[0-9A-Z]{4}){2}$/, { error: "expected a code, e.g. 7K4M-92QD-X3AA" }));
const Secret = z.string().check(z.minLength(16), z.maxLength(200));
/** A code as a person types it, with or without hyphens. */
const TypedCode = z.string().check(z.minLength(12), z.maxLength(40));
/** Without TLS only on this machine: for tests, and the demo. */
export const HttpsUrl = z
  .string()
  .check(
    z.maxLength(300),
    z.regex(/^(https:\/\/[^\s/?#@]+|http:\/\/127\.0\.0\.1:\d{1,5})$/, { error: "expected an address such as https://enrol.example" }),
  );
export const Labels = z.record(DnsLabel, z.string().check(z.maxLength(63)));

/** Digits alone would be taken for an id of the issuer's own. */
export const EnrolledId = DnsLabel.check(z.regex(/[a-z-]/, { error: "expected a name that is not of digits alone" }));

/** `<device>` in the bucket `grants`. Rights are words; the subjects behind them are code. */
export const Grant = z.object({
  state: z.enum(["approved", "disabled"]),
  capabilities: z.array(Line).check(z.maxLength(16)),
  /** A token that was issued earlier is refused. */
  tokensNotBefore: z.optional(Seconds),
  reason: z.optional(Line),
});
export type Grant = z.output<typeof Grant>;

/**
 * The same in the bucket: as the enrolment service says it, or as a callout has read it in OpenBao.
 */
export const KeptGrant = z.extend(Grant, {
  /** When OpenBao said it. Absent: it is the enrolment service's word, which OpenBao may not have yet. */
  readAtS: z.optional(Seconds),
});
export type KeptGrant = z.output<typeof KeptGrant>;

export const PublicJwk = z.object({
  kty: z.literal("RSA"),
  n: z.string(),
  e: z.string(),
  kid: Line,
  alg: z.literal("RS256"),
  use: z.literal("sig"),
});

/**
 * `_issuer` and `_issuer.zitadel` in the bucket `grants`: whose tokens are believed, and by which
 * keys.
 */
export const Issuer = z.object({
  /** Its keys are read at the issuer, and kept here; without it the service writes them. */
  kind: z.optional(z.literal("zitadel")),
  issuer: HttpsUrl,
  /** The audience of a token, and the name in the claim of its roles. */
  project: Line,
  /** Only a role that this organisation gave counts. */
  organisation: Line,
  jwks: z.object({ keys: z.array(PublicJwk).check(z.maxLength(16)) }),
});
export type Issuer = z.output<typeof Issuer>;

export const Hardware = z.object({
  model: z.optional(Line),
  serial: z.optional(Line),
  arch: z.optional(Line),
  os: z.optional(Line),
});
export type Hardware = z.output<typeof Hardware>;

/** `POST /v1/enrolments`: with the token of an image, or a code that was made for one device. */
export const EnrolmentRequest = z.object({
  publicKey: Pem,
  token: z.optional(Secret),
  code: z.optional(TypedCode),
  hardware: Hardware,
  proof: Jws,
});
export type EnrolmentRequest = z.output<typeof EnrolmentRequest>;

/** Where an enrolled device has its account, and the name of its key there. */
export const ZitadelAccount = z.object({
  issuer: HttpsUrl,
  project: Line,
  keyId: Line,
  /** PEM of who signs its certificate; without it, those that the device knows. */
  ca: z.optional(Certificates),
});
export type ZitadelAccount = z.output<typeof ZitadelAccount>;

export const Nonce = z.object({ nonce: Line });

/** Also `iot/devices/<device>/nats` in OpenBao. */
export const NatsServers = z.object({
  urls: z.array(z.string().check(z.maxLength(300), z.regex(/^(nats|tls):\/\/[^\s/]+$/))).check(z.minLength(1), z.maxLength(16)),
  ca: z.optional(Certificates),
});
export type NatsServers = z.output<typeof NatsServers>;

/** The OpenBao of the fleet, as a device reaches it. */
export const OpenBaoPlace = z.object({
  url: HttpsUrl,
  /** PEM of who signs its certificate. */
  ca: z.optional(z.string().check(z.maxLength(16_384))),
});
export type OpenBaoPlace = z.output<typeof OpenBaoPlace>;

/** What each device of a fleet gets to know. */
const Place = {
  issuer: HttpsUrl,
  project: Line,
  /** Where it is, unless OpenBao says so. */
  nats: z.optional(NatsServers),
  openbao: z.optional(OpenBaoPlace),
  /** Its tokens are asked for there, and not of this service. */
  zitadel: z.optional(ZitadelAccount),
};

/** The answer to a device's request. */
export const EnrolmentAnswer = z.discriminatedUnion("state", [
  z.object({ state: z.literal("pending"), code: Code, retryAfterS: Seconds }),
  z.object({ state: z.literal("denied"), code: Code, reason: z.optional(Line) }),
  z.object({
    state: z.literal("approved"),
    code: Code,
    device: EnrolledId,
    keyId: Line,
    ...Place,
  }),
]);
export type EnrolmentAnswer = z.output<typeof EnrolmentAnswer>;

export const TokenAnswer = z.object({ access_token: Jws, expires_in: Seconds });

/** `GET /v1/device`: what a device with a token is to know. */
export const DeviceDocument = z.object({
  device: EnrolledId,
  ...Place,
  /** The key that the service takes as this device's; one beside it was not used yet. */
  keyId: z.optional(Line),
  /** A person wants another key in place of this one. */
  replaceKey: z.optional(Line),
});
export type DeviceDocument = z.output<typeof DeviceDocument>;

/**
 * `POST /v1/keys`: another key for the same device. Whoever has its token for some hours has not its
 * key, so the present key signs as well.
 */
export const RekeyRequest = z.object({ publicKey: Pem, proof: Jws, assertion: Jws });
export type RekeyRequest = z.output<typeof RekeyRequest>;
export const RekeyAnswer = z.object({ keyId: Line, zitadel: z.optional(ZitadelAccount) });

/** `POST /v1/keys/used`: the new key signs, so the one before it may go. */
export const KeyUsed = z.object({ assertion: Jws });

export const EnrolmentState = z.enum(["pending", "approved", "denied"]);

/** `request.<code>` in the bucket `enrolments`. */
export const EnrolmentRecord = z.object({
  code: Code,
  publicKey: Pem,
  hardware: Hardware,
  address: Line,
  since: z.string(),
  state: EnrolmentState,
  device: z.optional(EnrolledId),
  reason: z.optional(Line),
  /** The bootstrap token that it came with. */
  bootstrap: z.optional(Line),
});
export type EnrolmentRecord = z.output<typeof EnrolmentRecord>;

/**
 * `device.<id>` in the bucket `enrolments`: the keys that may ask for its tokens. The first is in
 * use; one after it takes its place when it is used.
 */
export const DeviceRecord = z.object({
  device: EnrolledId,
  keys: z
    .array(
      z.object({
        keyId: Line,
        publicKey: Pem,
        /** Zitadel's name for it, once Zitadel answers with it. */
        zitadelKeyId: z.optional(Line),
        /** A token of Zitadel's was shown since: this service gives none any more. */
        isUsedAtZitadel: z.optional(z.boolean()),
      }),
    )
    .check(z.maxLength(4)),
  state: z.enum(["approved", "disabled"]),
  labels: z.optional(Labels),
  /** As in its grant, which can be made anew from this. */
  tokensNotBefore: z.optional(Seconds),
  reason: z.optional(Line),
  /** The device whose place it took. */
  replaces: z.optional(EnrolledId),
  /** The key that a person wants replaced; gone with that key. */
  replaceKey: z.optional(Line),
});
export type DeviceRecord = z.output<typeof DeviceRecord>;

/** `bootstrap.<name>`: the token of an image. It ends, it is counted, and it only asks. */
export const Bootstrap = z.object({
  name: DnsLabel,
  sha256: Line,
  expiresAtS: Seconds,
  maxDevices: z.int().check(z.minimum(1), z.maximum(100_000)),
  used: z.int().check(z.minimum(0)),
  /** Whom it was counted for last: whoever asks again after a fault is not counted twice. */
  counted: z.array(Code).check(z.maxLength(32)),
});
export type Bootstrap = z.output<typeof Bootstrap>;

/**
 * `serial.<sha256>`: a device of this serial number, with the token of that image, needs no person.
 * The first key that comes with it takes the row; a second one waits for a person.
 */
export const SerialRow = z.object({
  serial: Line.check(z.minLength(4)),
  bootstrap: DnsLabel,
  device: EnrolledId,
  labels: z.optional(Labels),
  /** Of the key that took it. */
  takenBy: z.optional(Code),
});
export type SerialRow = z.output<typeof SerialRow>;

/** `code.<sha256>`: made before for one device; it is approved at once, and only once. */
export const DeviceCode = z.object({ device: EnrolledId, expiresAtS: Seconds });
export type DeviceCode = z.output<typeof DeviceCode>;

/** What a person may: look, read logs too, act on devices too, and say who is a device. */
export const PersonRole = z.enum(["viewer", "support", "maintainer", "admin"]);
export type PersonRole = z.output<typeof PersonRole>;

/** `person.<name>`: who may say what to the service, by a secret of his own. */
export const Person = z.object({ name: DnsLabel, sha256: Line, role: PersonRole });
export type Person = z.output<typeof Person>;
