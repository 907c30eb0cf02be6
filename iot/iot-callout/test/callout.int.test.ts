// The callout beside a real nats-server with the shipped configuration: who comes in by a token,
// who does not, and what the minted user may not do, by the same cases as the static files.

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { createLog } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import { type Grant, type Issuer, makeDeviceKey, type PersonRole, signToken } from "@iot/identity";
import {
  connectMessaging,
  type DocumentStore,
  fixedCredentials,
  type Messaging,
  openDesiredState,
  openDocumentStore,
  openInventoryStore,
  openStatusStore,
} from "@iot/messaging";
import { connect } from "@nats-io/transport-node";
import { errors, type NatsConnection } from "@nats-io/nats-core";
import {
  eventually,
  IDENTITY_PASSWORDS,
  type NatsServer,
  natsIdentitiesConfig,
  REFUSED_SUBJECTS,
  REFUSED_SUBJECTS_OF_PEOPLE,
  REFUSED_SUBSCRIPTIONS,
  REFUSED_VERBS,
  refusedSubscriptionsOfPeople,
  startNats,
} from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Callout, makeKeys, startCallout } from "../src/index.ts";

const signal = AbortSignal.timeout(100_000);
const place = { issuer: "https://enrol.example", project: "iot", organisation: "standalone" };
const approved: Grant = { state: "approved", capabilities: ["desired-state", "status", "inventory"] };
const PERSON_PASSWORD = "alice-secret";
const { keys, publicHalves } = makeKeys();
const lines: string[] = [];
const log = createLog({ name: "callout", format: "json", write: (line) => void lines.push(line) });

let nats: NatsServer;
let key: KeyObject;
let grants: DocumentStore;
let callouts: Callout[];
const open: Messaging[] = [];

async function as(user: keyof typeof IDENTITY_PASSWORDS): Promise<Messaging> {
  const credentials = fixedCredentials({ user, pass: IDENTITY_PASSWORDS[user] });
  const messaging = await connectMessaging({ servers: [nats.url], name: user, credentials, log, signal });
  open.push(messaging);
  return messaging;
}

beforeAll(async () => {
  // Short, for a login that nobody answers.
  const shipped = natsIdentitiesConfig(publicHalves, { loginTimeoutS: 5 });
  // A person, as the file says how.
  const person = `users: [ { user: alice, password: ${PERSON_PASSWORD} } ]`;
  const config = shipped.replace("  PEOPLE {\n", `  PEOPLE {\n    ${person}\n`).replace("enrolment, kick ]", "enrolment, kick, alice ]");
  nats = await startNats({ config });
  key = createPrivateKey(await makeDeviceKey());
  const operator = await as("operator");
  for (const openStore of [openDesiredState, openStatusStore, openInventoryStore]) await openStore(operator, { log });
  await operator.connection.request("$KV.desired-state.dev-a", '{"sources":["test"],"deployments":{}}');
  grants = await openDocumentStore(await as("enrolment"), { bucket: "grants", log, signal });
  const { n = "", e = "" } = createPublicKey(key).export({ format: "jwk" });
  const issuer: Issuer = { ...place, jwks: { keys: [{ kty: "RSA", n, e, kid: "k1", alg: "RS256", use: "sig" }] } };
  await grants.put("_issuer", issuer, 0);
  for (const device of ["dev-a", "dev-b"]) await grants.put(device, approved, 0);
  callouts = [await startCallout({ messaging: await as("callout"), keys, log, signal })];
});
afterAll(async () => {
  for (const callout of callouts) await callout.close();
  await grants.close();
  await Promise.all(open.map((messaging) => messaging.close()));
  await nats.stop();
});

const token = (device: string, more: Partial<Parameters<typeof signToken>[1]> = {}): Promise<string> =>
  signToken(key, { subject: device, role: "device", issuer: place, keyId: "k1", nowMs: Date.now(), lifeS: 3_600, ...more });

/** As somebody with whatever he has. */
async function login(user: string, pass: string): Promise<NatsConnection> {
  return connect({ servers: nats.url, user, pass, inboxPrefix: `_INBOX_${user}`, reconnect: false, timeout: 10_000, noAsyncTraces: true });
}

async function loginOf(device: DeviceId | string): Promise<NatsConnection> {
  return login(device, await token(device));
}

async function refusal(asked: Promise<unknown>): Promise<unknown> {
  const error = await asked.then(
    () => "it was answered",
    (reason: unknown) => reason,
  );
  return error instanceof errors.RequestError ? error.cause : error;
}

test("a device comes in by its token, reads its manifest and is named by the server", async () => {
  const a = await loginOf("dev-a");
  expect((await a.request("iot.manifest.dev-a")).string()).toContain('"sources"');
  const connz = await (await fetch(`${nats.monitorUrl}/connz?auth=true`)).text();
  expect(connz).toContain('"authorized_user": "dev-a"');
  expect(connz).toContain('"account": "DEVICES"');
  await a.close();
});

describe("nobody comes in", () => {
  test.each<[string, () => Promise<[string, string]>, string]>([
    ["with no token", async () => ["dev-a", ""], "it is no signed token"],
    ["with garbage", async () => ["dev-b", "x.y.z"], "it is no signed token"],
    ["with a changed token", async () => ["dev-a", `${(await token("dev-a")).slice(0, -6)}AAAAAA`], "its signature is wrong"],
    ["with another's token", async () => ["dev-b", await token("dev-a")], 'the user is \\"dev-b\\"'],
    ["as an account's name", async () => ["DEVICES", await token("dev-a")], 'the user is \\"DEVICES\\"'],
    ["without a grant", async () => ["dev-c", await token("dev-c")], "has no grant"],
    ["after its end", async () => ["dev-a", await token("dev-a", { nowMs: Date.now() - 7_200_000 })], "it has expired"],
    ["by another issuer", async () => ["dev-a", await token("dev-a", { issuer: { ...place, issuer: "https://evil.example" } })], "claim"],
    ["by a key that is not known", async () => ["dev-a", await token("dev-a", { keyId: "k2" })], "a key that is not known"],
  ])("%s", async (_what, shown, why) => {
    const before = lines.length;
    await expect(login(...(await shown()))).rejects.toThrow(/authorization violation/i);
    expect(lines.slice(before).join("\n")).toContain(why);
  });

  // The server knows these by itself, and asks nobody.
  test.each(["operator", "callout", "enrolment", "kick"])("as %s with a device's token", async (user) => {
    await expect(login(user, await token("dev-a"))).rejects.toThrow(/authorization violation/i);
  });

  test("and the log holds neither token nor key", async () => {
    const shown = await token("dev-b");
    await expect(login("dev-a", shown)).rejects.toThrow(/authorization violation/i);
    const text = lines.join("\n");
    for (const secret of [shown, keys.issuerSeed, keys.xkeySeed]) expect(text).not.toContain(secret);
  });
});

describe("the minted user is refused", () => {
  let a: NatsConnection;
  beforeAll(async () => {
    a = await loginOf("dev-a");
  });
  afterAll(() => a.close());

  test.each(REFUSED_SUBJECTS)("%s", async (_what, subject) => {
    expect(await refusal(a.request(subject, "{}", { timeout: 1_000 }))).toBeInstanceOf(errors.PermissionViolationError);
  });
  test.each(["$SYS.REQ.USER.AUTH", "$SYS.REQ.USER.INFO", "$SYS.REQ.SERVER.PING", "iot.auth.reread.dev-a", "$JS.API.INFO"])(
    "%s",
    async (subject) => {
      expect(await refusal(a.request(subject, "{}", { timeout: 1_000 }))).toBeInstanceOf(errors.PermissionViolationError);
    },
  );
  test.each<readonly [string, string]>([...REFUSED_SUBSCRIPTIONS, ["logins", "$SYS.REQ.USER.AUTH"], ["the system", "$SYS.>"]])(
    "listening to %s",
    async (_what, subject) => {
      expect(await a.subscribe(subject).closed).toBeInstanceOf(errors.PermissionViolationError);
    },
  );
});

test("a device hears what people ask it, and answers for as long as they listen, where its grant says commands", async () => {
  await grants.put("dev-q", { state: "approved", capabilities: ["commands"] } satisfies Grant, 0);
  const q = await eventually(() => loginOf("dev-q"), { what: "it is let in" });
  q.subscribe("iot.command.dev-q.*", { callback: (_error, message) => [1, 2].forEach((each) => message.respond(String(each))) });
  await q.flush();
  const person = await login("alice", PERSON_PASSWORD);
  const answers: string[] = [];
  person.subscribe("_INBOX_alice.x", { callback: (_error, message) => void answers.push(message.string()) });
  person.publish("iot.command.dev-q.ping", "", { reply: "_INBOX_alice.x" });
  await eventually(() => answers.length === 2, { what: "both answers come" });
  expect(answers).toEqual(["1", "2"]);
  await person.close();
  await q.close();

  const a = await loginOf("dev-a");
  expect(await a.subscribe("iot.command.dev-a.*").closed).toBeInstanceOf(errors.PermissionViolationError);
  await a.close();
});

describe("a person comes in by a token, and may what the role says", () => {
  const personToken = (name: string, role: PersonRole, more: Partial<Parameters<typeof signToken>[1]> = {}): Promise<string> =>
    signToken(key, { subject: name, role, issuer: place, keyId: "k1", nowMs: Date.now(), lifeS: 900, ...more });
  let support: NatsConnection;
  beforeAll(async () => {
    support = await login("anna", await personToken("anna", "support"));
  });
  afterAll(() => support.close());

  test("a device hears the question, and the server's word on who asks", async () => {
    await grants.put("dev-p", { state: "approved", capabilities: ["commands"] } satisfies Grant, 0);
    const device = await eventually(() => loginOf("dev-p"), { what: "it is let in" });
    device.subscribe("iot.command.dev-p.*", {
      callback: (_error, message) => void message.respond(message.headers?.get("Nats-Request-Info") ?? "nobody"),
    });
    await device.flush();
    const info: unknown = (await support.request("iot.command.dev-p.ping", "{}", { timeout: 5_000 })).json();
    expect(info).toMatchObject({ acc: "PEOPLE", user: "anna" });
    await device.close();
  });

  test.each(REFUSED_VERBS.support)("support does not ask %s", async (verb) => {
    expect(await refusal(support.request(`iot.command.dev-a.${verb}`, "{}", { timeout: 1_000 }))).toBeInstanceOf(
      errors.PermissionViolationError,
    );
  });
  test.each(REFUSED_SUBJECTS_OF_PEOPLE)("does not send %s", async (_what, subject) => {
    expect(await refusal(support.request(subject, "{}", { timeout: 1_000 }))).toBeInstanceOf(errors.PermissionViolationError);
  });
  test.each(refusedSubscriptionsOfPeople("anna"))("does not hear %s", async (_what, subject) => {
    expect(await support.subscribe(subject).closed).toBeInstanceOf(errors.PermissionViolationError);
  });

  test.each<[string, () => Promise<[string, string]>]>([
    ["under another's name", async () => ["ben", await personToken("anna", "admin")]],
    ["under a device's name", async () => ["dev-a", await personToken("anna", "admin")]],
    ["as the operator", async () => ["operator", await personToken("operator", "admin")]],
    ["after its end", async () => ["anna", await personToken("anna", "admin", { nowMs: Date.now() - 3_600_000 })]],
    ["by another organisation", async () => ["anna", await personToken("anna", "admin", { issuer: { ...place, organisation: "theirs" } })]],
  ])("and nobody comes in %s", async (_what, shown) => {
    await expect(login(...(await shown()))).rejects.toThrow(/authorization violation/i);
  });
});

test("a grant that names subjects gives nothing", async () => {
  await grants.put("dev-s", { state: "approved", capabilities: [">", "$KV.desired-state.>"] } satisfies Grant, 0);
  const s = await eventually(() => loginOf("dev-s"), { what: "it is let in" });
  for (const subject of ["$KV.desired-state.dev-s", "iot.manifest.dev-s", "$KV.status.dev-s"]) {
    expect(await refusal(s.request(subject, "{}", { timeout: 1_000 }))).toBeInstanceOf(errors.PermissionViolationError);
  }
  await s.close();
});

test("the enrolment service does not hear what devices show", async () => {
  const enrolment = await as("enrolment");
  expect(await enrolment.connection.subscribe("$SYS.REQ.USER.AUTH").closed).toBeInstanceOf(errors.PermissionViolationError);
});

test("several share the logins, and one that starts knows all grants without anybody to ask", async () => {
  callouts.push(await startCallout({ messaging: await as("callout"), keys, log, signal }));
  await callouts.shift()?.close();
  const a = await loginOf("dev-a");
  await a.close();
  expect(callouts).toHaveLength(1);
});
