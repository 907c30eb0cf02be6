// What a device asks: to be one, a token, what it is to know, another key. It shows its key by a
// proof over a nonce, which takes no clock; later by an assertion, or the token itself.

import type { KeyObject } from "node:crypto";
import { formatIssues, plainText } from "@harmony/core";
import { systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import {
  codeOfKey,
  type DeviceDocument,
  type DeviceRecord,
  EnrolmentRequest,
  type EnrolmentRecord,
  type Hardware,
  issuerOf,
  keyIdOf,
  KeyUsed,
  RekeyRequest,
  typedCode,
  verifyAssertion,
  verifyProof,
} from "@iot/identity";
import { type Answer, ok, refuse } from "./http/answer.ts";
import type { Asked, Route } from "./http/http-server.ts";
import { answerRequest } from "./plan/answer-request.ts";
import { planAccountUsed } from "./plan/account.ts";
import { planEnrolment } from "./plan/enrol.ts";
import { planKey, planKeyUsed } from "./plan/keys.ts";
import { digestOf, serialDigest } from "./secret.ts";
import type { Service } from "./service.ts";

const TEXT_CHARACTERS = 200;
const SETTLED_WITHIN_MS = 5_000;
const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";

export function routesForDevices(service: Service): readonly Route[] {
  return [
    { method: "POST", path: "/v1/nonces", answer: () => ok({ nonce: service.nonces.make() }) },
    { method: "POST", path: "/v1/enrolments", answer: (asked) => enrol(service, asked) },
    { method: "GET", path: "/v1/enrolments/:", answer: (asked, code) => enrolment(service, asked, code) },
    { method: "POST", path: "/oauth/v2/token", answer: (asked) => token(service, asked) },
    { method: "GET", path: "/v1/device", answer: (asked) => device(service, asked) },
    { method: "POST", path: "/v1/keys", answer: (asked) => rekey(service, asked) },
    { method: "POST", path: "/v1/keys/used", answer: (asked) => keyUsed(service, asked) },
    { method: "GET", path: "/oauth/v2/keys", answer: () => ok(service.issuer.document.jwks) },
    { method: "GET", path: "/.well-known/openid-configuration", answer: () => ok(discovery(service.url)) },
  ];
}

async function enrol(service: Service, { address, body }: Asked): Promise<Answer> {
  const { enrolmentLimit, records, log } = service;
  const waitS = enrolmentLimit.count(address);
  if (waitS !== null) return refuse({ status: 429, why: "too many devices ask from this address: ask again later", retryAfterS: waitS });
  const parsed = parseJson(EnrolmentRequest, body);
  if (!parsed.ok) return refuse({ status: 400, why: formatIssues(parsed.issues) });
  const { publicKey, token: shownToken, code: shownCode, hardware, proof } = parsed.value;
  const proven = await provenKey(service, publicKey, proof);
  if (proven.kind === "refused") return proven.answer;
  const { key, pem } = proven;
  const code = codeOfKey(key);
  const shown =
    shownCode !== undefined
      ? { kind: "code" as const, digest: digestOf(typedCode(shownCode)) }
      : shownToken === undefined
        ? null
        : { kind: "token" as const, digest: digestOf(shownToken) };
  const asked = {
    code,
    keyId: keyIdOf(key),
    publicKey: pem,
    hardware: cleaned(hardware),
    serial: hardware.serial === undefined ? null : serialDigest(hardware.serial),
    address: plainText(address, TEXT_CHARACTERS),
    shown,
    nowMs: systemClock.now(),
  };
  const before = records.request(code).value;
  const planned = await records.carryOut(() => planEnrolment(records, asked));
  if (planned.kind === "refused") {
    log.warn("an enrolment is refused", { code, address: asked.address, why: planned.refusal.why });
    return refuse(planned.refusal);
  }
  const { answer: request } = planned;
  if (before?.state !== request.state) {
    log.info("a device asks to be enrolled", {
      code,
      state: request.state,
      device: request.device,
      bootstrap: request.bootstrap,
      address: asked.address,
    });
  }
  return answerOf(service, request);
}

type Proven =
  | { readonly kind: "proven"; readonly key: KeyObject; readonly pem: string }
  | { readonly kind: "refused"; readonly answer: Answer };

async function provenKey({ url, nonces }: Service, publicKey: string, proof: string): Promise<Proven> {
  const verified = await verifyProof(proof, { publicKey, audience: url });
  if (verified.kind === "refused") return { kind: "refused", answer: refuse({ status: 401, why: verified.why }) };
  if (!nonces.use(verified.nonce)) {
    return { kind: "refused", answer: refuse({ status: 401, why: "the nonce of the proof is unknown, used or over: ask for a new one" }) };
  }
  // Written anew: bytes around the key would make two documents of one.
  return { kind: "proven", key: verified.key, pem: verified.key.export({ type: "spki", format: "pem" }).toString() };
}

/** Another's request is as absent as one that never was. */
async function enrolment(service: Service, { authorization }: Asked, typed: string): Promise<Answer> {
  const code = typedCode(typed);
  const absent = refuse({ status: 404, why: "this key has no request under this code: enrol again" });
  const request = service.records.request(code).value;
  const proof = /^Proof (\S{1,3500})$/.exec(authorization)?.[1];
  if (request === null || proof === undefined) return absent;
  const proven = await provenKey(service, request.publicKey, proof);
  return proven.kind === "refused" ? absent : answerOf(service, request);
}

async function answerOf(service: Service, request: EnrolmentRecord): Promise<Answer> {
  const { records, place, accounts } = service;
  if (accounts !== null && request.device !== undefined) await settledSoon(service, request.device);
  const answered = answerRequest(records, request, accounts === null ? place : { ...place, accountOf: service.account });
  if (answered.kind === "refused") return refuse(answered.refusal);
  return ok(answered.answer, answered.answer.state === "pending" ? 202 : 200);
}

async function token(service: Service, { body }: Asked): Promise<Answer> {
  const { issuer, records, log } = service;
  const form = new URLSearchParams(Buffer.from(body).toString());
  if (form.get("grant_type") !== GRANT_TYPE) return oauthError("unsupported_grant_type", `the only grant_type is ${GRANT_TYPE}`);
  const shown = await asserted(service, form.get("assertion") ?? "");
  if (shown.kind === "refused") return oauthError("invalid_grant", shown.why);
  const { record, keyId } = shown;
  const hasMoved = record.keys.some(({ isUsedAtZitadel }) => isUsedAtZitadel === true);
  if (service.accounts !== null && hasMoved) {
    return oauthError("invalid_grant", `the tokens of this device are Zitadel's: ask at ${service.accounts.config.url}`);
  }
  if (hasMoved) await records.carryOut(() => planAccountUsed(records, record.device, false));
  if (record.keys[0]?.keyId !== keyId) {
    await records.carryOut(() => planKeyUsed(records, record.device, keyId));
    log.info("a device uses its new key", { device: record.device, keyId });
  }
  // Not before the second from which its tokens count, for a device that was enabled just now.
  const fromMs = Math.max(systemClock.now(), (record.tokensNotBefore ?? 0) * 1_000);
  const access = await issuer.token(record, fromMs);
  return ok({ access_token: access, token_type: "Bearer", expires_in: issuer.tokenLifeS });
}

type Asserted =
  | { readonly kind: "device"; readonly record: DeviceRecord; readonly keyId: string }
  | { readonly kind: "refused"; readonly why: string };

/** Only who has the key hears that a device is disabled. */
async function asserted({ records, url }: Service, assertion: string): Promise<Asserted> {
  const keysOf = (id: string): DeviceRecord["keys"] => records.device(id).value?.keys ?? [];
  const verified = await verifyAssertion(assertion, { audience: url, nowMs: systemClock.now(), keysOf });
  if (verified.kind === "refused") return { kind: "refused", why: `the assertion is refused: ${verified.why}` };
  const { device: id, keyId } = verified;
  const record = records.device(id).value;
  if (record === null) return { kind: "refused", why: `there is no device "${id}"` };
  if (record.state === "disabled") return { kind: "refused", why: disabledSentence(record) };
  return { kind: "device", record, keyId };
}

function disabledSentence({ device: id, reason }: DeviceRecord): string {
  return `the device is disabled${reason === undefined ? "" : ` (${reason})`}: iot device enable ${id} lets it in`;
}

function oauthError(error: string, description: string): Answer {
  return { status: 400, body: { error, error_description: description } };
}

type Held = { readonly kind: "device"; readonly record: DeviceRecord } | { readonly kind: "refused"; readonly answer: Answer };

async function holderOfToken({ verify, records }: Service, authorization: string): Promise<Held> {
  const stranger = (why: string): Held => ({ kind: "refused", answer: refuse({ status: 401, why }) });
  const verified = await verify(/^Bearer (\S+)$/.exec(authorization)?.[1] ?? "");
  if (verified.kind !== "valid") return stranger(`${verified.why}: ask for a new token`);
  const { device: id, issuedAtS } = verified.claims;
  const record = records.device(id).value;
  if (record === null) return stranger(`there is no device "${id}": enrol again`);
  if (record.state === "disabled") return { kind: "refused", answer: refuse({ status: 403, why: disabledSentence(record) }) };
  if (issuedAtS < (record.tokensNotBefore ?? 0)) return stranger("the token was ended: ask for a new one");
  return { kind: "device", record };
}

function isOfZitadel({ issuers }: Service, authorization: string): boolean {
  return issuerOf(authorization.slice("Bearer ".length), issuers())?.kind === "zitadel";
}

async function device(service: Service, { authorization }: Asked): Promise<Answer> {
  const held = await holderOfToken(service, authorization);
  if (held.kind === "refused") return held.answer;
  const { device: id } = held.record;
  if (service.accounts !== null) {
    if (isOfZitadel(service, authorization)) await service.records.carryOut(() => planAccountUsed(service.records, id, true));
    await settledSoon(service, id);
  }
  const record = service.records.device(id).value ?? held.record;
  const [{ keyId } = { keyId: "" }] = record.keys;
  const zitadel = service.account(record, keyId);
  const { replaceKey } = record;
  const document: DeviceDocument = {
    device: id,
    ...service.place,
    keyId,
    ...(zitadel === null ? {} : { zitadel }),
    ...(replaceKey === undefined ? {} : { replaceKey }),
  };
  return ok(document);
}

async function rekey(service: Service, { authorization, body }: Asked): Promise<Answer> {
  const held = await holderOfToken(service, authorization);
  if (held.kind === "refused") return held.answer;
  const parsed = parseJson(RekeyRequest, body);
  if (!parsed.ok) return refuse({ status: 400, why: formatIssues(parsed.issues) });
  const { publicKey, proof, assertion } = parsed.value;
  const shown = await asserted(service, assertion);
  if (shown.kind === "refused") return refuse({ status: 401, why: shown.why });
  const { device: id } = held.record;
  if (shown.record.device !== id) return refuse({ status: 401, why: "the token and the assertion are of two devices" });
  const proven = await provenKey(service, publicKey, proof);
  if (proven.kind === "refused") return proven.answer;
  const key = { keyId: keyIdOf(proven.key), publicKey: proven.pem };
  const planned = await service.records.carryOut(() => planKey(service.records, id, key));
  if (planned.kind === "refused") return refuse(planned.refusal);
  service.log.info("a device has a new key beside its present one", { device: id, keyId: key.keyId });
  if (service.accounts === null) return ok({ keyId: key.keyId });
  await settledSoon(service, id);
  const zitadel = service.account(service.records.device(id).value ?? held.record, key.keyId);
  if (zitadel === null) return refuse({ status: 503, why: "Zitadel does not have the new key yet: ask again", retryAfterS: 5 });
  return ok({ keyId: key.keyId, zitadel });
}

/** At Zitadel nobody sees by which key a token was asked for: the device says it, by the key itself. */
async function keyUsed(service: Service, { body }: Asked): Promise<Answer> {
  const parsed = parseJson(KeyUsed, body);
  if (!parsed.ok) return refuse({ status: 400, why: formatIssues(parsed.issues) });
  const shown = await asserted(service, parsed.value.assertion);
  if (shown.kind === "refused") return refuse({ status: 401, why: shown.why });
  const { records, log, accounts } = service;
  const { record, keyId } = shown;
  await records.carryOut(() => planKeyUsed(records, record.device, keyId));
  if (record.keys[0]?.keyId !== keyId) log.info("a device uses its new key", { device: record.device, keyId });
  void accounts?.settle(record.device);
  return ok({});
}

/** What takes Zitadel longer goes on: the device asks again. */
async function settledSoon({ accounts, records, account }: Service, device: string): Promise<void> {
  const record = records.device(device).value;
  if (accounts === null || record === null || record.keys.every(({ keyId }) => account(record, keyId) !== null)) return;
  const isOver = new Promise<void>((resolve) => {
    setTimeout(resolve, SETTLED_WITHIN_MS).unref();
  });
  await Promise.race([accounts.settle(device), isOver]);
}

function cleaned(hardware: Hardware): Hardware {
  const clean: Record<string, string> = {};
  for (const [name, text] of Object.entries(hardware)) if (text !== undefined) clean[name] = plainText(text, TEXT_CHARACTERS);
  return clean;
}

function discovery(url: string): object {
  return {
    issuer: url,
    token_endpoint: `${url}/oauth/v2/token`,
    jwks_uri: `${url}/oauth/v2/keys`,
    grant_types_supported: [GRANT_TYPE],
    response_types_supported: [],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
  };
}
