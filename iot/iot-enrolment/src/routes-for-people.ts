// What people ask: who is a device and who wants to be one, and to approve, deny, disable, enable and forget.
// Each shows a secret of his own; support reads, admin also writes. Every deed is a line of the log
// with who did it.

import { formatIssues } from "@harmony/core";
import { systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import {
  ApproveRequest,
  type BootstrapList,
  BootstrapRequest,
  DenyRequest,
  type DeviceList,
  DisableRequest,
  EnrolledId,
  EnrolmentState,
  type EnrolmentList,
  Person,
  type PersonToken,
  SerialsRequest,
  type StepsAnswer,
  typedCode,
} from "@iot/identity";
import type * as z from "zod/mini";
import type { Step } from "./cut-off/cut-off.ts";
import { auditDeed } from "./audit-deed.ts";
import { atZitadel, cutOff, disableDevice, forgetDevice, stepOf } from "./disable-device.ts";
import { type Answer, ok, refuse } from "./http/answer.ts";
import type { Asked, Route } from "./http/http-server.ts";
import { type Plan } from "./plan/held.ts";
import { planRekeying } from "./plan/keys.ts";
import { planApproval, planDenial, planEnabling } from "./plan/people-say.ts";
import { planBootstrap, planCode, planRevocation, planSerials } from "./plan/secrets.ts";
import { digestOf, makeCode, makeSecret, serialDigest } from "./secret.ts";
import { PERSON_TOKEN_LIFE_S } from "./issuer/issuer.ts";
import type { Service } from "./service.ts";

type PersonAsks = (service: Service, asked: Asked & { readonly by: string }, name: string) => Promise<Answer> | Answer;

export function routesForPeople(service: Service): readonly Route[] {
  const route = (role: Person["role"], method: Route["method"], path: string, answer: PersonAsks): Route => ({
    method,
    path,
    answer: (asked, name) => {
      const person = personOf(service, asked.authorization);
      if (person === null) return noPerson();
      if (role === "admin" && person.role !== "admin") {
        return refuse({ status: 403, why: `"${person.name}" has the role ${person.role}, and this takes the role admin` });
      }
      return answer(service, { ...asked, by: person.name }, name);
    },
  });
  return [
    {
      method: "POST",
      path: "/v1/token",
      answer: ({ authorization }) => {
        const person = personOf(service, authorization);
        return person === null ? noPerson() : personToken(service, person);
      },
    },
    route("support", "GET", "/v1/devices", devices),
    route("support", "GET", "/v1/enrolments", enrolments),
    route("support", "GET", "/v1/bootstraps", bootstraps),
    route("admin", "POST", "/v1/devices/:/code", addCode),
    route("admin", "POST", "/v1/devices/:/disable", disable),
    route("admin", "POST", "/v1/devices/:/enable", enable),
    route("admin", "POST", "/v1/devices/:/rekey", rekey),
    route("admin", "POST", "/v1/devices/:/forget", forget),
    route("admin", "POST", "/v1/enrolments/:/approve", approve),
    route("admin", "POST", "/v1/enrolments/:/deny", deny),
    route("admin", "POST", "/v1/bootstraps", addBootstrap),
    route("admin", "POST", "/v1/bootstraps/:/serials", addSerials),
    route("admin", "DELETE", "/v1/bootstraps/:", revokeBootstrap),
  ];
}

/** Found by the digest: how long that takes says nothing of the secret. */
function personOf({ records }: Service, authorization: string): Person | null {
  const secret = /^Bearer (\S{16,200})$/.exec(authorization)?.[1];
  if (secret === undefined) return null;
  const digest = digestOf(secret);
  return records.persons().find(({ sha256 }) => sha256 === digest) ?? null;
}

function noPerson(): Answer {
  return refuse({ status: 401, why: "the secret is no person's: iot-enrolment person add makes one" });
}

/** For NATS, whose callout knows no secrets. */
async function personToken({ issuer }: Service, { name, role }: Person): Promise<Answer> {
  const access = await issuer.personToken({ name, role }, systemClock.now());
  const answer: PersonToken = { name, role, access_token: access, expires_in: PERSON_TOKEN_LIFE_S };
  return ok(answer);
}

function devices({ records }: Service): Answer {
  const list: DeviceList = {
    devices: records.devices().map(({ device, state, reason, labels, replaces, keys }) => ({
      device,
      state,
      keys: keys.map(({ keyId }) => keyId),
      ...(reason === undefined ? {} : { reason }),
      ...(labels === undefined ? {} : { labels }),
      ...(replaces === undefined ? {} : { replaces }),
    })),
  };
  return ok(list);
}

function enrolments({ records }: Service, { query }: Asked): Answer {
  const state = EnrolmentState.safeParse(query.get("state") ?? "pending");
  if (!state.success) return refuse({ status: 400, why: "state: expected pending, approved or denied" });
  const chosen = records.requests().filter((request) => request.state === state.data);
  const list: EnrolmentList = { enrolments: chosen.map(({ publicKey: _, ...shown }) => shown) };
  return ok(list);
}

function bootstraps({ records }: Service): Answer {
  const list: BootstrapList = {
    bootstraps: records.bootstraps().map(({ name, expiresAtS, maxDevices, used }) => {
      const serials = records.serials().filter(({ row }) => row.bootstrap === name).length;
      return { name, expiresAtS, maxDevices, used, ...(serials === 0 ? {} : { serials }) };
    }),
  };
  return ok(list);
}

async function addCode(service: Service, { by }: { readonly by: string }, id: string): Promise<Answer> {
  const device = EnrolledId.safeParse(id);
  if (!device.success) return badId();
  const code = makeCode();
  const planned = await carryOut(service, () => planCode(service.records, device.data, digestOf(code), systemClock.now()));
  if (planned.kind === "refused") return planned.answer;
  await auditDeed(service, { what: "code", by, device: device.data, message: `a code was made for "${device.data}"` });
  return ok({ code, expiresAtS: planned.value.expiresAtS });
}

async function approve(service: Service, { by, body }: Asked & { readonly by: string }, typed: string): Promise<Answer> {
  const read = documentOf(ApproveRequest, body);
  if (read.kind === "refused") return read.answer;
  const code = typedCode(typed);
  const planned = await carryOut(service, () => planApproval(service.records, code, read.value, systemClock.now()));
  if (planned.kind === "refused") return planned.answer;
  const { device } = read.value;
  const { ended } = planned.value;
  const place = ended === null ? "" : `, in the place of "${ended}"`;
  const message = `the device with the code ${code} is "${device}"${place}`;
  const steps: readonly Step[] = [
    { step: "approved", isDone: true, message },
    ...(await stepOf(service.openBao, device)),
    ...(ended === null ? [] : await cutOff(service, ended)),
  ];
  await auditDeed(service, { what: "approve", by, device, message });
  return stepsOf(device, steps);
}

async function deny(service: Service, { by, body }: Asked & { readonly by: string }, typed: string): Promise<Answer> {
  const read = documentOf(DenyRequest, body);
  if (read.kind === "refused") return read.answer;
  const code = typedCode(typed);
  const planned = await carryOut(service, () => planDenial(service.records, code, read.value.reason));
  if (planned.kind === "refused") return planned.answer;
  const { reason } = read.value;
  const why = reason === undefined ? "" : ` (${reason})`;
  await auditDeed(service, { what: "deny", by, device: null, message: `the device with the code ${code} is denied${why}` });
  return ok({});
}

async function disable(service: Service, { by, body }: Asked & { readonly by: string }, id: string): Promise<Answer> {
  const device = EnrolledId.safeParse(id);
  if (!device.success) return badId();
  const read = documentOf(DisableRequest, body);
  if (read.kind === "refused") return read.answer;
  const { reason } = read.value;
  const done = await disableDevice(service, { device: device.data, reason, by });
  return done.kind === "refused" ? refuse(done.refusal) : stepsOf(device.data, done.steps);
}

async function enable(service: Service, { by }: { readonly by: string }, id: string): Promise<Answer> {
  const device = EnrolledId.safeParse(id);
  if (!device.success) return badId();
  const planned = await carryOut(service, () => planEnabling(service.records, device.data));
  if (planned.kind === "refused") return planned.answer;
  await auditDeed(service, { what: "enable", by, device: device.data, message: `"${device.data}" is enabled` });
  return stepsOf(device.data, [
    { step: "grant", isDone: true, message: "approved: it comes in with a new token, which it asks for by itself" },
    ...(await stepOf(service.openBao, device.data)),
    ...(await atZitadel(service, device.data, "reactivate")),
  ]);
}

async function forget(service: Service, { by }: { readonly by: string }, id: string): Promise<Answer> {
  const device = EnrolledId.safeParse(id);
  return device.success ? stepsOf(device.data, await forgetDevice(service, { device: device.data, by })) : badId();
}

async function rekey(service: Service, { by }: { readonly by: string }, id: string): Promise<Answer> {
  const device = EnrolledId.safeParse(id);
  if (!device.success) return badId();
  const planned = await carryOut(service, () => planRekeying(service.records, device.data));
  if (planned.kind === "refused") return planned.answer;
  await auditDeed(service, { what: "rekey", by, device: device.data, message: `"${device.data}" is to have another key` });
  return stepsOf(device.data, [
    {
      step: "key",
      isDone: true,
      message: "the device makes another one when it next renews its token, at the latest in half of a token's life",
    },
  ]);
}

async function addBootstrap(service: Service, { by, body }: Asked & { readonly by: string }): Promise<Answer> {
  const read = documentOf(BootstrapRequest, body);
  if (read.kind === "refused") return read.answer;
  const token = makeSecret("bootstrap");
  const asked = { ...read.value, digest: digestOf(token), nowMs: systemClock.now() };
  const planned = await carryOut(service, () => planBootstrap(service.records, asked));
  if (planned.kind === "refused") return planned.answer;
  const { name, maxDevices, expiresAtS } = planned.value;
  const until = new Date(expiresAtS * 1_000).toISOString().slice(0, 10);
  const message = `the bootstrap token "${name}" lets ${maxDevices} devices ask until ${until}`;
  await auditDeed(service, { what: "bootstrap", by, device: null, message });
  return ok({ token, expiresAtS });
}

async function addSerials(service: Service, { by, body }: Asked & { readonly by: string }, name: string): Promise<Answer> {
  const bootstrap = Person.shape.name.safeParse(name);
  if (!bootstrap.success) return refuse({ status: 400, why: "the name of a bootstrap token is a DNS label, e.g. spring-200" });
  const read = documentOf(SerialsRequest, body);
  if (read.kind === "refused") return read.answer;
  const rows = read.value.rows.map((row) => ({ digest: serialDigest(row.serial), row: { ...row, bootstrap: bootstrap.data } }));
  const planned = await carryOut(service, () => planSerials(service.records, rows));
  if (planned.kind === "refused") return planned.answer;
  const message = `${rows.length} serial numbers need no approval with the token "${name}"`;
  await auditDeed(service, { what: "serials", by, device: null, message });
  return ok({});
}

async function revokeBootstrap(service: Service, { by }: { readonly by: string }, name: string): Promise<Answer> {
  const planned = await carryOut(service, () => planRevocation(service.records, name));
  if (planned.kind === "refused") return planned.answer;
  await auditDeed(service, { what: "revoke", by, device: null, message: `the bootstrap token "${name}" is revoked` });
  return ok({});
}

type Read<Value> = { readonly kind: "read"; readonly value: Value } | { readonly kind: "refused"; readonly answer: Answer };

async function carryOut<Value>({ records }: Service, plan: () => Plan<Value>): Promise<Read<Value>> {
  const planned = await records.carryOut(plan);
  return planned.kind === "refused" ? { kind: "refused", answer: refuse(planned.refusal) } : { kind: "read", value: planned.answer };
}

function documentOf<Schema extends z.ZodMiniType>(schema: Schema, body: Uint8Array): Read<z.output<Schema>> {
  const parsed = parseJson(schema, body.length === 0 ? "{}" : body);
  return parsed.ok
    ? { kind: "read", value: parsed.value }
    : { kind: "refused", answer: refuse({ status: 400, why: formatIssues(parsed.issues) }) };
}

/** 207: something is left. */
function stepsOf(device: string, steps: readonly Step[]): Answer {
  const answer: StepsAnswer = { device, steps: [...steps] };
  return ok(answer, steps.every(({ isDone }) => isDone) ? 200 : 207);
}

function badId(): Answer {
  return refuse({ status: 400, why: "the id of a device is a DNS label that is not of digits alone, e.g. pi-kiln-3" });
}
