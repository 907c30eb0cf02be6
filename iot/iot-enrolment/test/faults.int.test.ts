// The enrolment service when parts are away, are killed or were wiped: what is done all the same,
// in which order, and what is said of the rest.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { CodeMade, BootstrapMade, RekeyAnswer, StepsAnswer } from "@iot/identity";
import { openDocumentStore } from "@iot/messaging";
import { eventually, IDENTITY_PASSWORDS } from "@iot/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "../src/index.ts";
import { approvedOf, codeIn, type Fleet, type FleetOptions, natsLogin, startFleet, type TestDevice } from "./fleet.ts";

let fleet: Fleet | null = null;
beforeEach(() => {
  fleet = null;
});
afterEach(() => fleet?.close());

async function started(options: FleetOptions = {}): Promise<Fleet> {
  const made = await startFleet(options);
  fleet = made;
  return made;
}

async function enrolled(
  of: Fleet,
  device: string,
): Promise<{ readonly device: TestDevice; readonly answer: ReturnType<typeof approvedOf> }> {
  const made = await of.device();
  const { code } = CodeMade.parse((await of.say(`/v1/devices/${device}/code`)).body);
  return { device: made, answer: approvedOf(await made.enrol({ code })) };
}

async function disable(of: Fleet, device: string): Promise<StepsAnswer["steps"]> {
  return StepsAnswer.parse((await of.say(`/v1/devices/${device}/disable`, { reason: "stolen" })).body).steps;
}

test("connections end after every callout knows, not before", async () => {
  const of = await started();
  const { device, answer } = await enrolled(of, "pi-1");
  const login = await device.login(answer);
  // A callout that is slow to hear of it.
  const slow = await of.as("callout");
  const heard: boolean[] = [];
  slow.connection.subscribe("iot.auth.reread.pi-1", {
    callback: (_error, message) => {
      heard.push(login.isClosed());
      message.respond(JSON.stringify({ revision: heard.length < 4 ? 0 : Number.MAX_SAFE_INTEGER, state: "disabled" }));
    },
  });
  await slow.connection.flush();
  expect(await disable(of, "pi-1")).toMatchObject([
    { step: "grant", isDone: true },
    { step: "callouts", isDone: true, message: "2 of 2 know it" },
    { step: "connections", isDone: true, message: "1 ended" },
  ]);
  await login.closed();
  expect(heard).toEqual([false, false, false, false]);
});

test("a callout that never hears of it is what is left; the connections end all the same", async () => {
  const of = await started();
  const { device, answer } = await enrolled(of, "pi-1");
  const login = await device.login(answer);
  const deaf = await of.as("callout");
  const deafness = deaf.connection.subscribe("iot.auth.reread.pi-1", {
    callback: (_error, message) => void message.respond('{"revision":0,"state":"approved"}'),
  });
  await deaf.connection.flush();
  expect((await of.say("/v1/devices/pi-1/disable", { reason: "stolen" })).status).toBe(207);
  await login.closed();
  deafness.unsubscribe();
  expect(await disable(of, "pi-1")).toMatchObject([
    { isDone: true },
    { isDone: true, message: "1 of 1 know it" },
    { isDone: true, message: "it had none" },
  ]);
});

test("without the right to end connections that is left, and done when it is said again", async () => {
  const of = await started({ kickPassword: "" });
  const { device, answer } = await enrolled(of, "pi-1");
  const login = await device.login(answer);
  const said = await of.say("/v1/devices/pi-1/disable", { reason: "stolen" });
  expect(said.status).toBe(207);
  expect(StepsAnswer.parse(said.body).steps).toMatchObject([
    { step: "grant", isDone: true },
    { step: "callouts", isDone: true },
    { step: "connections", isDone: false, message: expect.stringContaining("NATS_KICK_PASSWORD") as unknown },
  ]);
  expect(login.isClosed()).toBe(false);
  await of.restart({ kickPassword: undefined });
  await eventually(async () => (await disable(of, "pi-1")).every(({ isDone }) => isDone), { what: "nothing is left" });
  await login.closed();
});

test("without a callout a device is disabled, and does not come in by the first that starts", async () => {
  const of = await started({ callouts: 0 });
  const { device, answer } = await enrolled(of, "pi-1");
  const token = await device.token(answer);
  expect(await disable(of, "pi-1")).toMatchObject([
    { isDone: true },
    { isDone: true, message: expect.stringContaining("no callout answers") as unknown },
    {},
  ]);
  of.callouts.push(await of.startCallout());
  await expect(natsLogin(of.nats, "pi-1", token)).rejects.toThrow(/authorization violation/i);
});

test("a bucket of grants that was wiped is made anew while all runs, and a disabled device stays out", async () => {
  const of = await started();
  const [good, stolen] = [await enrolled(of, "pi-good"), await enrolled(of, "pi-stolen")];
  const token = await stolen.device.token(stolen.answer);
  await disable(of, "pi-stolen");
  await of.nats.down();
  await rm(join(of.nats.storeDir, "jetstream/AUTH/streams/KV_grants"), { recursive: true });
  await of.nats.start();
  const store = await openDocumentStore(await of.as("enrolment"), { bucket: "grants", log: of.log, signal: AbortSignal.timeout(60_000) });
  const states = async (): Promise<unknown> => {
    const held = await store.list(AbortSignal.timeout(10_000));
    return Object.fromEntries([...held].map(([key, { text }]) => [key, /"state":"(\w+)"/.exec(text ?? "")?.[1] ?? "none"]));
  };
  await eventually(async () => isDeepStrictEqual(await states(), { "pi-good": "approved", "pi-stolen": "disabled", _issuer: "none" }), {
    timeoutMs: 60_000,
    what: "the grants are there again",
  });
  await store.close();
  // By callouts that have read it since.
  await of.callouts.shift()?.close();
  of.callouts.push(await of.startCallout());
  const login = await good.device.login(good.answer);
  await login.close();
  await expect(natsLogin(of.nats, "pi-stolen", token)).rejects.toThrow(/authorization violation/i);
  expect(of.lines.findLast((line) => line.includes("a login is refused"))).toContain("is disabled (stolen)");
});

test("with the service away, a device is disabled where it runs, and a service that comes back knows it", async () => {
  const of = await started();
  const { device, answer } = await enrolled(of, "pi-1");
  const login = await device.login(answer);
  const written: string[] = [];
  const { enrolment, kick } = IDENTITY_PASSWORDS;
  const env = { NATS_URL: of.nats.url, NATS_PASSWORD: enrolment, NATS_KICK_PASSWORD: kick };
  const options = { env, write: (text: string) => void written.push(text), log: of.log, signal: AbortSignal.timeout(60_000) };
  await of.stop();
  expect(await runCommand(["device", "disable", "pi-1", "--reason", "stolen"], options)).toBe(0);
  expect(written.join("")).toMatch(/^done {2}grant: .*\ndone {2}callouts: 1 of 1 know it\ndone {2}connections: 1 ended\n$/);
  await login.closed();
  const wrong = { ...options, env: { ...env, NATS_KICK_PASSWORD: "wrong" } };
  expect(await runCommand(["device", "disable", "pi-1", "--reason", "stolen"], wrong)).toBe(1);
  expect(written.at(-1)).toContain("LEFT  connections");
  await of.restart();
  expect(await device.askToken(answer)).toMatchObject({
    status: 400,
    body: { error_description: expect.stringContaining("stolen") as unknown },
  });
  await expect(runCommand(["device", "disable", "pi-9", "--reason", "stolen"], options)).rejects.toThrow("there is no device");
  await expect(runCommand(["device", "disable", "pi-1"], options)).rejects.toThrow("--reason");
});

test("a service under another address does not take over the grants of the one that is there", async () => {
  const of = await started();
  await expect(of.restart({ url: "http://127.0.0.1:1" })).rejects.toThrow(
    `the bucket grants is that of the issuer ${of.url}, and IOT_ENROLMENT_URL is http://127.0.0.1:1: put the address right`,
  );
  await of.restart();
  const { device, answer } = await enrolled(of, "pi-1");
  const login = await device.login(answer);
  await login.close();
});

test("a service that is started anew has all as it was: keys, requests, people and its own key", async () => {
  const of = await started();
  const { device, answer } = await enrolled(of, "pi-1");
  const { token: bootstrap } = BootstrapMade.parse((await of.say("/v1/bootstraps", { name: "spring", maxDevices: 2, days: 1 })).body);
  const waiting = await of.device();
  const code = codeIn(await waiting.enrol({ token: bootstrap }));
  const token = await device.token(answer);
  await of.restart();
  const login = await natsLogin(of.nats, "pi-1", token);
  await login.close();
  expect((await waiting.state(code)).status).toBe(202);
  expect((await of.say(`/v1/enrolments/${code}/approve`, { device: "pi-2" })).status).toBe(200);
  const second = await waiting.login(approvedOf(await waiting.state(code)));
  await second.close();
});

test("NATS killed and back: tokens are given meanwhile, and deeds are carried out after", async () => {
  const of = await started();
  const { device, answer } = await enrolled(of, "pi-1");
  await of.nats.kill();
  expect((await device.askToken(answer)).status).toBe(200);
  const said = await of.say("/v1/devices/pi-1/disable", { reason: "stolen" });
  expect(said).toMatchObject({ status: 207, body: { steps: [{ step: "grant", isDone: false }, { isDone: false }, { isDone: false }] } });
  expect((await of.get("/readyz")).status).toBe(503);
  await of.nats.start();
  await eventually(async () => (await disable(of, "pi-1")).every(({ isDone }) => isDone), { timeoutMs: 60_000, what: "it is disabled" });
  expect((await device.askToken(answer)).status).toBe(400);
});

test("a device has another key: both are good until the new one was used, and then the new one alone", async () => {
  const of = await started();
  const { device, answer } = await enrolled(of, "pi-1");
  const next = await of.device();
  const bearer = { authorization: `Bearer ${await device.token(answer)}` };
  const body = async (): Promise<object> => ({
    publicKey: next.publicKey,
    proof: await next.proof(),
    assertion: await device.assertion(answer),
  });
  const { keyId } = RekeyAnswer.parse((await of.post("/v1/keys", await body(), bearer)).body);
  expect((await of.post("/v1/keys", await body(), bearer)).body).toEqual({ keyId });
  expect((await device.askToken(answer)).status).toBe(200);
  const login = await next.login({ device: "pi-1", keyId });
  expect((await device.askToken(answer)).status).toBe(400);
  await login.close();
});

test("a token of the one before does not count for a new device of the same id, though the record of the one before is lost", async () => {
  const of = await started();
  const before = await enrolled(of, "pi-1");
  const token = await before.device.token(before.answer);
  const signal = AbortSignal.timeout(60_000);
  const store = await openDocumentStore(await of.as("enrolment"), { bucket: "enrolments", log: of.log, signal });
  await store.remove("device.pi-1", store.heard("device.pi-1")?.revision ?? 0);
  await store.close();
  await eventually(async () => (await of.say("/v1/devices/pi-1/code")).status === 200, { what: "the id is free" });
  const after = await enrolled(of, "pi-1");
  const login = await eventually(() => after.device.login(after.answer), { what: "the new one comes in" });
  await login.close();
  await expect(natsLogin(of.nats, "pi-1", token)).rejects.toThrow(/authorization violation/i);
});

test("a device that took another's place has its id, and the one before is cut off", async () => {
  const of = await started();
  const { device, answer } = await enrolled(of, "pi-1");
  const login = await device.login(answer);
  const { token: bootstrap } = BootstrapMade.parse((await of.say("/v1/bootstraps", { name: "spring", maxDevices: 2, days: 1 })).body);
  const heir = await of.device();
  const code = codeIn(await heir.enrol({ token: bootstrap }));
  expect((await of.say(`/v1/enrolments/${code}/approve`, { device: "pi-1" })).status).toBe(409);
  const said = await of.say(`/v1/enrolments/${code}/approve`, { device: "pi-1", replaces: "pi-1" });
  expect(said).toMatchObject({
    status: 200,
    body: { steps: [{ step: "approved" }, { step: "callouts" }, { step: "connections", message: "1 ended" }] },
  });
  await login.closed();
  expect((await device.askToken(answer)).status).toBe(400);
  const heirs = await heir.login(approvedOf(await heir.state(code)));
  await heirs.close();
});

test("eleven requests in a minute from one address are one too many, and it is said for how long", async () => {
  const of = await started({ enrolmentsAMinute: 10, callouts: 0 });
  const device = await of.device();
  const statuses = new Set<number>();
  for (let index = 0; index < 10; index += 1) statuses.add((await of.post("/v1/enrolments", {})).status);
  expect([...statuses]).toEqual([400]);
  const said = await device.enrol({});
  expect(said.status).toBe(429);
  expect(Number(said.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(said.headers.get("date")).not.toBeNull();
});
