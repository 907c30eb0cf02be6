// Grants in a real OpenBao: it gets what the records say, and the callouts read it there. Whatever
// becomes of OpenBao, who was ever seen comes in, and who is disabled does not.

import { rm } from "node:fs/promises";
import { eventually, type OpenBao, type OpenBaoCredentials, startOpenBao, startRelay } from "@iot/testkit";
import { Grant } from "@iot/identity";
import { openAudit, openDocumentStore, readAudit } from "@iot/messaging";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { enrolled, type EnrolledWithToken } from "./enrolled.ts";
import { type Fleet, natsLogin, startFleet } from "./fleet.ts";

let fleet: Fleet;
let bao: OpenBao;
let known: EnrolledWithToken;
let credentials: OpenBaoCredentials;
const signal = AbortSignal.timeout(600_000);

beforeAll(async () => {
  [fleet, bao] = await Promise.all([startFleet(), startOpenBao({ isKept: true })]);
  known = await enrolled(fleet, "pi-known");
});
afterAll(async () => {
  await fleet?.close();
  await bao?.stop();
});

const comesIn = async ({ answer, token }: EnrolledWithToken): Promise<boolean> => {
  const connection = await natsLogin(fleet.nats, answer.device, token).catch(() => null);
  await connection?.close();
  return connection !== null;
};
const heldByBao = async (path: string): Promise<unknown> => (await bao.call("GET", `iot/data/${path}`)).body;
const document = (data: object): object => ({ data: { data } });

/** So that the next login asks OpenBao. */
async function readLongAgo(device: string, agoS = 400): Promise<void> {
  const store = await openDocumentStore(await fleet.as("enrolment"), { bucket: "grants", log: fleet.log, signal });
  const { revision, text } = store.heard(device) ?? { revision: 0, text: "" };
  const grant = Grant.parse(JSON.parse(text ?? ""));
  const readAtS = Math.floor(Date.now() / 1_000) - agoS;
  expect(await store.put(device, { ...grant, readAtS }, revision)).toMatchObject({ ok: true });
  await store.close();
}

async function forgottenByTheBucket(device: string): Promise<void> {
  const store = await openDocumentStore(await fleet.as("enrolment"), { bucket: "grants", log: fleet.log, signal });
  await store.remove(device, store.heard(device)?.revision ?? 0);
  await store.close();
}

test("a fleet that had none gets one: OpenBao has its grants and each device's way to NATS, and nobody notices", async () => {
  expect(await comesIn(known)).toBe(true);
  credentials = await bao.setUp({ issuer: fleet.url });
  await fleet.use({ url: bao.address, credentials, auditLog: bao.auditLog });
  await eventually(async () => (await bao.call("GET", "iot/data/devices/pi-known/nats")).status === 200, {
    what: "OpenBao has the way to NATS",
  });
  expect(await heldByBao("grants/pi-known")).toMatchObject(document({ state: "approved" }));
  expect(await heldByBao("devices/pi-known/nats")).toMatchObject(document({ urls: [fleet.nats.url] }));
  expect(await comesIn(known)).toBe(true);
});

test("who has read which secret stands in the one audit, once a version, also of a person", async () => {
  const operator = await fleet.as("operator");
  openAudit(operator, { keepsLimits: true, log: fleet.log });
  await eventually(async () => (await operator.connection.request("$JS.API.STREAM.INFO.audit")).string().includes('"state"'), {
    what: "the stream is there",
  });
  await bao.put("devices/pi-known/secrets/db", { value: "geheim" });
  const login = await bao.call("POST", "auth/iot/login", { jwt: known.token, role: "device" }, "");
  const own = /"client_token":"([^"]+)"/.exec(login.text)?.[1] ?? "";
  const read = (by?: string): Promise<unknown> => bao.call("GET", "iot/data/devices/pi-known/secrets/db", undefined, by);
  await read(own);
  await read(own);
  await bao.call("GET", "iot/data/devices/pi-other/secrets/db", undefined, own);
  await read();
  const told = async (): Promise<readonly string[]> =>
    (await readAudit(operator, 100)).flatMap(({ what, message }) => (what === "read" ? [message] : []));
  const wanted = [
    '"pi-known" has read the secret devices/pi-known/secrets/db, version 1',
    '"root" has read the secret devices/pi-known/secrets/db, version 1',
  ];
  await eventually(async () => (await told()).length >= 2, { what: "both are in the audit", timeoutMs: 20_000 });
  expect(await told()).toEqual(wanted);
  expect(fleet.lines.join("")).not.toContain("geheim");
});

describe("a device that was seen comes in, and one that never was does not, while OpenBao is", () => {
  let never: EnrolledWithToken;
  beforeAll(async () => {
    never = await enrolled(fleet, "pi-never");
    await eventually(async () => (await bao.call("GET", "iot/data/grants/pi-never")).status === 200, { what: "OpenBao has its grant" });
    // The service would say its word at once.
    await fleet.stop();
  });
  afterAll(() => fleet.restart());

  async function expectKnownIn(): Promise<void> {
    await readLongAgo("pi-known");
    await forgottenByTheBucket("pi-never");
    expect(await comesIn(known)).toBe(true);
    expect(await comesIn(never)).toBe(false);
  }

  test("sealed", async () => {
    await bao.seal();
    await expectKnownIn();
    expect(fleet.lines.join("")).toContain("the grant of the device cannot be had");
    expect(fleet.lines.join("")).toMatch(/OpenBao does not say who is a device.*HTTP 503.*"onKeptGrants":1/);
    await bao.unseal();
  });

  test("away", async () => {
    await bao.down();
    await expectKnownIn();
    await bao.start();
    await bao.unseal();
  });

  test("hanging, also for a callout that begins then", async () => {
    await using relay = await startRelay({ target: { host: "127.0.0.1", port: Number(new URL(bao.address).port) } });
    relay.freeze();
    const [before] = fleet.callouts;
    const hanging = await fleet.startCallout({ url: `http://${relay.host}:${relay.port}`, credentials });
    await before?.close();
    await expectKnownIn();
    expect(fleet.lines.join("")).toContain("does not answer within 1.5 s");
    fleet.callouts.splice(0, 1, await fleet.startCallout({ url: bao.address, credentials }));
    await hanging.close();
  });

  test("there: the one that never was comes in", async () => {
    await forgottenByTheBucket("pi-never");
    expect(await eventually(() => comesIn(never), { what: "it comes in" })).toBe(true);
  });

  test("a kept grant is not used for ever", async () => {
    await readLongAgo("pi-known", 8 * 86_400);
    await bao.seal();
    expect(await comesIn(known)).toBe(false);
    await bao.unseal();
    expect(await eventually(() => comesIn(known), { what: "it comes in" })).toBe(true);
  });
});

test("what was deleted in OpenBao is refused; what it has lost is not", async () => {
  const other = await enrolled(fleet, "pi-other");
  await eventually(async () => (await bao.call("GET", "iot/data/grants/pi-other")).status === 200, { what: "OpenBao has its grant" });
  await fleet.stop();
  await bao.call("DELETE", "iot/metadata/grants/pi-other");
  await readLongAgo("pi-other");
  expect(await comesIn(other)).toBe(true);
  await bao.put("grants/pi-other", { state: "approved", capabilities: [] });
  await bao.call("DELETE", "iot/data/grants/pi-other");
  expect(await comesIn(other)).toBe(false);
  await fleet.restart();
  expect(await eventually(() => comesIn(other), { what: "the service has said its word again" })).toBe(true);
});

test("disabled while OpenBao is sealed: out at once, and OpenBao hears it when it answers", async () => {
  const { answer, device, token } = await enrolled(fleet, "pi-stolen");
  const connection = await natsLogin(fleet.nats, "pi-stolen", token);
  await bao.seal();
  const said = await fleet.say("/v1/devices/pi-stolen/disable", { reason: "stolen" });
  expect(said).toMatchObject({
    status: 207,
    text: expect.stringMatching(/"step":"openbao","isDone":false|"isDone":false[^}]*"step":"openbao"/) as unknown,
  });
  await connection.closed();
  expect(await comesIn({ answer, device, token })).toBe(false);
  await bao.unseal();
  await eventually(async () => JSON.stringify(await heldByBao("grants/pi-stolen")).includes('"disabled"'), { what: "OpenBao hears it" });
  expect(await comesIn({ answer, device, token })).toBe(false);
  expect(await fleet.say("/v1/devices/pi-stolen/disable", { reason: "stolen" })).toMatchObject({ status: 200 });
});

test("NATS has lost everything: the grants come back from OpenBao", async () => {
  await fleet.nats.kill();
  await rm(fleet.nats.storeDir, { recursive: true });
  await fleet.nats.start();
  expect(await eventually(() => comesIn(known), { what: "a device comes in by its token", timeoutMs: 60_000 })).toBe(true);
});
