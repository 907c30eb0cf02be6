// Who is not let in by the enrolment service, row by row of the list of attacks, with the refusal that
// is expected; and that the log holds no secret.

import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { BootstrapMade, codeOfKey, CodeMade, DeviceCode, EnrolmentList, makeDeviceKey, PersonToken, publicPem } from "@iot/identity";
import { openDocumentStore } from "@iot/messaging";
import { HOSTILE_PARTS } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { approved as whenApproved } from "./enrolled.ts";
import { approvedOf, codeIn, type Fleet, type Said, type TestDevice } from "./fleet.ts";
import { startVariant } from "./variant.ts";

const signal = AbortSignal.timeout(100_000);
let fleet: Fleet;
/** pi-a is a device; b waits; c asks in each row. */
let a: TestDevice;
let b: TestDevice;
let c: TestDevice;
let approved: ReturnType<typeof approvedOf>;
let codeOfB: string;
let token: string;
let support: string;
const secrets: string[] = [];

async function bootstrap(name: string, maxDevices: number): Promise<string> {
  const made = BootstrapMade.parse((await fleet.say("/v1/bootstraps", { name, maxDevices, days: 30 })).body).token;
  secrets.push(made);
  return made;
}
async function codeFor(device: string): Promise<string> {
  const { code } = CodeMade.parse((await fleet.say(`/v1/devices/${device}/code`)).body);
  secrets.push(code);
  return code;
}

beforeAll(async () => {
  fleet = await startVariant();
  [a, b, c] = await Promise.all([fleet.device(), fleet.device(), fleet.device()]);
  token = await bootstrap("spring", 10);
  approved = await whenApproved(a, codeIn(await a.enrol({ code: await codeFor("pi-a") })));
  codeOfB = codeIn(await b.enrol({ token }));
  support = await fleet.person("support", "support");
  secrets.push(support);
});
afterAll(() => fleet.close());

const weak = (options: { modulusLength: number; publicExponent?: number }): object => ({
  publicKey: publicPem(generateKeyPairSync("rsa", options).privateKey),
});

describe("no device becomes one", () => {
  test.each<[string, () => Promise<Said>, number, string]>([
    ["with no token", () => c.enrol({}), 401, "neither a token nor a code"],
    ["with a wrong token", () => c.enrol({ token: "iotb_0000000000000000" }), 401, "unknown"],
    ["with a person's secret as a token", () => c.enrol({ token: support }), 401, "unknown"],
    ["with the code that it shows itself", () => c.enrol({ code: codeOfB }), 401, "unknown"],
    ["by a proof of another key", async () => c.enrol({ token }, { proof: await a.proof() }), 401, "signature is wrong"],
    [
      "by a proof for another place",
      async () => c.enrol({ token }, { proof: await c.proof({ audience: "https://evil.example" }) }),
      401,
      "aud",
    ],
    ["by a nonce of its own", async () => c.enrol({ token }, { proof: await c.proof({ nonce: "mine" }) }), 401, "nonce"],
    [
      "by an assertion as a proof",
      async () => c.enrol({ token }, { proof: await c.assertion({ device: "pi-a", keyId: "x" }) }),
      401,
      "no nonce",
    ],
    ["with the exponent 3", () => c.enrol({ token }, weak({ modulusLength: 2_048, publicExponent: 3 })), 401, "exponent is 3"],
    ["with 1024 bits", () => c.enrol({ token }, weak({ modulusLength: 1_024 })), 401, "1024 bits"],
    [
      "with an elliptic curve",
      () => c.enrol({ token }, { publicKey: publicPem(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey) }),
      401,
      "RSA",
    ],
    ["with a private key", () => c.enrol({ token }, { publicKey: c.key.export({ type: "pkcs8", format: "pem" }) }), 401, "no public key"],
    ["with a megabyte", () => c.enrol({ token }, { hardware: { model: "x".repeat(1_000_000) } }), 413, "16384"],
    ["with a model of 16,000 characters", () => c.enrol({ token }, { hardware: { model: "x".repeat(14_000) } }), 400, "200"],
    ["with no JSON", () => fleet.post("/v1/enrolments"), 400, "JSON"],
  ])("%s", async (_what, ask, status, why) => {
    expect(await ask()).toMatchObject({ status, body: { error: expect.stringContaining(why) as unknown } });
    expect((await c.state(codeOfKey(c.key))).status).toBe(404);
  });

  test("by a nonce that was used", async () => {
    const proof = await b.proof();
    expect((await b.enrol({ token }, { proof })).status).toBe(202);
    expect(await b.enrol({ token }, { proof })).toMatchObject({ status: 401, body: { error: expect.stringContaining("used") as unknown } });
  });

  test("by a code that was used, and the one who used it is not asked for it again", async () => {
    const code = await codeFor("pi-once");
    const once = await fleet.device();
    expect((await whenApproved(once, codeIn(await once.enrol({ code })))).device).toBe("pi-once");
    expect((await c.enrol({ code })).status).toBe(401);
    expect(approvedOf(await once.enrol({ code })).device).toBe("pi-once");
    expect(approvedOf(await once.enrol({})).device).toBe("pi-once");
  });

  test("by a code that is over", async () => {
    const store = await openDocumentStore(await fleet.as("enrolment"), { bucket: "enrolments", log: fleet.log, signal });
    const code = await codeFor("pi-late");
    const [key = "", held] =
      [...(await store.list(signal))].find(([name, { text }]) => name.startsWith("code.") && text?.includes("pi-late")) ?? [];
    const record = DeviceCode.parse(JSON.parse(held?.text ?? ""));
    await store.put(key, { ...record, expiresAtS: Math.floor(Date.now() / 1_000) - 1 }, held?.revision ?? 0);
    await fleet.restart();
    expect(await c.enrol({ code })).toMatchObject({ status: 410, body: { error: expect.stringContaining("is over") as unknown } });
    await store.close();
  });
});

test("a token that is used up lets no more in, however many ask at once", async () => {
  const few = await bootstrap("few", 3);
  const devices = await Promise.all(Array.from({ length: 8 }, () => fleet.device()));
  const said = await Promise.all(devices.map((device) => device.enrol({ token: few })));
  expect(said.map(({ status }) => status).toSorted((x, y) => x - y)).toEqual([202, 202, 202, 410, 410, 410, 410, 410]);
  const bearer = { authorization: `Bearer ${support}` };
  expect((await fleet.get("/v1/bootstraps", bearer)).body).toMatchObject({
    bootstraps: expect.arrayContaining([expect.objectContaining({ name: "few", used: 3 })]) as unknown,
  });
});

test("a token that was replayed after it was revoked lets nobody in, and who waits still hears", async () => {
  const short = await bootstrap("short", 3);
  const waiting = await fleet.device();
  const code = codeIn(await waiting.enrol({ token: short }));
  const admin = await fleet.person("admin-2", "admin");
  const revoked = await fetch(`${fleet.url}/v1/bootstraps/short`, { method: "DELETE", headers: { authorization: `Bearer ${admin}` } });
  expect(revoked.status).toBe(200);
  expect((await c.enrol({ token: short })).status).toBe(401);
  expect((await waiting.enrol({ token: short })).status).toBe(202);
  expect((await waiting.state(code)).status).toBe(202);
});

describe("another's request", () => {
  test("is as absent as one that never was", async () => {
    const other = await c.state(codeOfB);
    const never = await c.state("0000-0000-0000");
    expect(other).toMatchObject({ status: 404, text: never.text });
    expect(await fleet.get(`/v1/enrolments/${codeOfB}`)).toMatchObject({ status: 404, text: never.text });
  });

  test("that is approved gives nothing to who copies its code", async () => {
    await fleet.say(`/v1/enrolments/${codeOfB}/approve`, { device: "pi-b" });
    expect((await whenApproved(b, codeOfB)).device).toBe("pi-b");
    expect((await c.state(codeOfB)).status).toBe(404);
    expect(await c.askToken({ device: "pi-b", keyId: approvedOf(await b.state(codeOfB)).keyId })).toMatchObject({ status: 400 });
  });
});

describe("an id", () => {
  test.each(["12345", "*", "pi.a", "_issuer", "PI-A", ""])("is refused: %j", async (device) => {
    const waiting = await fleet.device();
    const code = codeIn(await waiting.enrol({ token: await bootstrap(`id-${Math.random().toString(36).slice(2, 8)}`, 1) }));
    expect((await fleet.say(`/v1/enrolments/${code}/approve`, { device })).status).toBe(400);
    expect((await fleet.say(`/v1/devices/${encodeURIComponent(device)}/code`)).status).toBe(400);
  });
});

describe("a token is given to nobody", () => {
  test.each<[string, () => Promise<Said>, string]>([
    ["by another's key", () => c.askToken(approved), "signature is wrong"],
    ["to an unknown device", () => a.askToken({ device: "pi-none", keyId: approved.keyId }), "not known"],
    ["with a key that it has not", () => a.askToken({ device: "pi-a", keyId: "0000" }), "not known"],
    ["two hours later", async () => tokenFor(await a.assertion(approved, Date.now() - 7_200_000)), "expired"],
    ["for a proof", async () => tokenFor(await a.proof()), "no assertion"],
    ["for nothing", () => tokenFor(""), "no assertion"],
  ])("%s", async (_what, ask, why) => {
    expect(await ask()).toMatchObject({
      status: 400,
      body: { error: "invalid_grant", error_description: expect.stringContaining(why) as unknown },
    });
  });

  test("in another way than by an assertion", async () => {
    const body = new URLSearchParams({ grant_type: "client_credentials" });
    const response = await fetch(`${fleet.url}/oauth/v2/token`, { method: "POST", body });
    expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ error: "unsupported_grant_type" })]);
  });
});

async function tokenFor(assertion: string): Promise<Said> {
  const body = new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion });
  const response = await fetch(`${fleet.url}/oauth/v2/token`, { method: "POST", body });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as unknown, headers: response.headers };
}

describe("what people may is refused", () => {
  const deeds = ["devices/pi-a/code", "devices/pi-a/disable", "devices/pi-a/enable", "enrolments/0000-0000-0000/approve", "bootstraps"];
  test.each(deeds)("to nobody, to a device and to support: %s", async (path) => {
    const body = { reason: "x", device: "pi-x", name: "x", maxDevices: 1, days: 1 };
    expect((await fleet.post(`/v1/${path}`, body)).status).toBe(401);
    expect((await fleet.post(`/v1/${path}`, body, { authorization: `Bearer ${await a.token(approved)}` })).status).toBe(401);
    expect((await fleet.post(`/v1/${path}`, body, { authorization: `Bearer ${token}` })).status).toBe(401);
    expect((await fleet.post(`/v1/${path}`, body, { authorization: `Bearer ${support}` })).status).toBe(403);
  });

  test("a person's token is for NATS alone, and nobody else gets one", async () => {
    for (const stranger of ["", `Bearer ${await a.token(approved)}`, `Bearer ${token}`]) {
      expect((await fleet.post("/v1/token", {}, { authorization: stranger })).status).toBe(401);
    }
    const given = PersonToken.parse((await fleet.post("/v1/token", {}, { authorization: `Bearer ${support}` })).body);
    expect(given).toMatchObject({ role: "support", expires_in: 900 });
    const bearer = { authorization: `Bearer ${given.access_token}` };
    expect([(await fleet.get("/v1/device", bearer)).status, (await fleet.get("/v1/devices", bearer)).status]).toEqual([401, 401]);
    expect((await tokenFor(given.access_token)).status).toBe(400);
  });

  test.each(["devices", "enrolments", "bootstraps"])("but support sees: %s", async (path) => {
    expect((await fleet.get(`/v1/${path}`)).status).toBe(401);
    expect((await fleet.get(`/v1/${path}`, { authorization: `Bearer ${support}` })).status).toBe(200);
  });
});

test("another key takes the token, the present key and the new one", async () => {
  const next = await fleet.device();
  const bearer = { authorization: `Bearer ${await a.token(approved)}` };
  const body = { publicKey: next.publicKey, proof: await next.proof(), assertion: await a.assertion(approved) };
  expect((await fleet.post("/v1/keys", body)).status).toBe(401);
  expect((await fleet.post("/v1/keys", { ...body, assertion: await c.assertion(approved) }, bearer)).status).toBe(401);
  expect((await fleet.post("/v1/keys", { ...body, proof: await c.proof() }, bearer)).status).toBe(401);
  expect((await fleet.post("/v1/keys", { ...body, assertion: undefined }, bearer)).status).toBe(400);
  const { keyId } = approvedOf(await b.state(codeOfB));
  const another = { ...body, assertion: await b.assertion({ device: "pi-b", keyId }) };
  expect(await fleet.post("/v1/keys", another, bearer)).toMatchObject({
    status: 401,
    body: { error: expect.stringContaining("two devices") as unknown },
  });
});

test("what a device says of its hardware reaches a terminal as plain text", async () => {
  const rude = createPrivateKey(await makeDeviceKey());
  const device = await fleet.device(rude);
  const model = HOSTILE_PARTS.join("").slice(0, 200);
  const code = codeIn(await device.enrol({ token }, { hardware: { model, serial: "\u001b[31m1\u0000" } }));
  const { enrolments } = EnrolmentList.parse((await fleet.get("/v1/enrolments", { authorization: `Bearer ${support}` })).body);
  const { hardware = {} } = enrolments.find((each) => each.code === code) ?? {};
  expect(hardware.serial).toBe("1");
  expect(hardware.model).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e]/);
});

test("the log holds neither secret nor key nor code for a device", async () => {
  const text = fleet.lines.join("\n");
  const own = await a.token(approved);
  for (const secret of [...secrets, own]) expect(text).not.toContain(secret);
  expect(text).not.toContain("PRIVATE KEY");
});
