// The identity of a device beside the real enrolment service: with any clock, through what a power
// cut leaves, while the service is away, and when it says something else than before.

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, createLog, systemClock } from "@harmony/runtime";
import {
  freePort,
  IDENTITY_PASSWORDS,
  makeTempFolder,
  type NatsServer,
  natsIdentitiesConfig,
  run,
  runEnrolment,
  type ServerProcess,
  startEnrolmentProcess,
  startNats,
} from "@iot/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { usableSigner } from "../src/identity/enrol.ts";
import { EnrolmentService } from "../src/identity/enrolment-service.ts";
import { type Given, type NatsServers, PeerClock } from "@iot/identity/device";
import { type Identity, IdentityStore } from "../src/identity/identity-store.ts";
import { TokenCredentials } from "../src/identity/token-credentials.ts";

const CALLOUT = join(import.meta.dirname, "../../iot-callout/src/main.ts");
const signal = AbortSignal.timeout(100_000);
const stack = new AsyncDisposableStack();
const lines: string[] = [];
const log = createLog({ name: "agent", format: "text", write: (line) => void lines.push(line) });

let nats: NatsServer;
let url: string;
let env: Record<string, string>;
let service: ServerProcess;
let secret: string;
let devices = 0;

beforeAll(async () => {
  const folder = await makeTempFolder("agent-identity");
  stack.defer(() => folder.remove());
  const made = await run([process.execPath, CALLOUT, "keys", join(folder.path, "callout.json")]);
  const [, issuer = "", xkey = ""] = /ISSUER=(\w+)\n.*XKEY=(\w+)/.exec(made.stdout) ?? [];
  nats = stack.use(await startNats({ config: natsIdentitiesConfig({ issuer, xkey }) }));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  env = {
    NATS_URL: nats.url,
    NATS_PASSWORD: IDENTITY_PASSWORDS.enrolment,
    IOT_ENROLMENT_URL: url,
    IOT_ENROLMENT_LISTEN: `127.0.0.1:${port}`,
    IOT_ENROLMENT_STATE: folder.path,
  };
  await start();
  stack.defer(() => service.stop());
  secret = (await runEnrolment(["person", "add", "anna", "--role", "admin"], env)).stdout.trim();
});
afterAll(() => stack.disposeAsync());

async function start(more: Record<string, string> = {}): Promise<void> {
  service = await startEnrolmentProcess({ ...env, ...more }, async () => (await fetch(`${url}/readyz`)).ok);
}

async function say(path: string, body: object = {}): Promise<string> {
  const response = await fetch(url + path, { method: "POST", headers: { authorization: `Bearer ${secret}` }, body: JSON.stringify(body) });
  const text = await response.text();
  // Without a callout, to end a device leaves something to be done.
  if (![200, 207].includes(response.status)) throw new Error(`${path}: ${response.status}: ${text}`);
  return text;
}

let store: IdentityStore;
let identity: Identity;
beforeEach(async () => {
  const folder = await makeTempFolder("agent-state");
  stack.defer(() => folder.remove());
  store = new IdentityStore(folder.path);
  devices += 1;
  const code = /"code":"([^"]+)"/.exec(await say(`/v1/devices/pi-${devices}/code`))?.[1];
  const given = await at().enrol(await usableSigner(store, log), { code, hardware: {} });
  if (!given.ok || given.value.state !== "approved") throw new Error(`not enrolled: ${JSON.stringify(given)}`);
  identity = given.value;
  await store.saveIdentity(identity);
});

function at(clock?: Clock): EnrolmentService {
  return new EnrolmentService({ url, caFile: undefined }, signal, new PeerClock(clock));
}

const noZitadel = (): never => {
  throw new Error("there is no Zitadel");
};

/** Begins as an agent does, with what is on its disk. */
async function begun(onMoved: () => void = () => undefined): Promise<TokenCredentials> {
  const now = await store.identity();
  if (now === null) throw new Error("there is no identity on the disk");
  return new TokenCredentials({ store, service: at(), identity: now, issuerOf: noZitadel, wayToNats: noOpenBao, onMoved, log });
}

async function shown(credentials: TokenCredentials): Promise<unknown> {
  return (await credentials.current()).authenticator();
}

const noOpenBao = (): Promise<Given<NatsServers>> => Promise.resolve({ ok: false, kind: "down", why: "there is no OpenBao" });

const forgetToken = (): Promise<void> => rm(join(store.folder, "token.json"));
const aToken = { user: expect.stringMatching(/^pi-\d+$/) as unknown, pass: expect.stringMatching(/^ey[\w-]+\.[\w-]+\.[\w-]+$/) as unknown };

test.each([
  ["right", 0],
  ["an hour behind", -3_600],
  ["two minutes ahead", 120],
  ["of 1970", -Math.floor(Date.now() / 1_000)],
  ["30 years ahead", 30 * 365 * 86_400],
])("a clock that is %s gets a token", async (_, offS) => {
  const clock: Clock = { ...systemClock, now: () => Date.now() + offS * 1_000 };
  const given = await at(clock).token(await store.signer(), identity);
  expect(given).toMatchObject({ ok: true });
});

test("a token outlives the process and a service that is away; without one the sentence names the service", async () => {
  const first = await shown(await begun());
  expect(first).toEqual(aToken);
  await service.kill();
  expect(await shown(await begun())).toEqual(first);
  await forgetToken();
  await expect(shown(await begun())).rejects.toThrow(`the issuer gives no token: ${url} cannot be reached`);
  await start();
  expect(await shown(await begun())).toEqual(aToken);
});

test("a disabled device hears why", async () => {
  await say(`/v1/devices/${identity.device}/disable`, { reason: "stolen" });
  await expect(shown(await begun())).rejects.toThrow(/the device is disabled \(stolen\)/);
});

test("another way to NATS is saved, and then followed", async () => {
  await service.stop();
  await start({ IOT_DEVICE_NATS_URL: "tls://elsewhere.example:4222" });
  let moved = 0;
  await shown(await begun(() => (moved += 1)));
  expect(moved).toBe(1);
  expect((await store.identity())?.nats?.urls).toEqual(["tls://elsewhere.example:4222"]);
  await forgetToken();
  await shown(await begun(() => (moved += 1)));
  expect(moved).toBe(1);
  await service.stop();
  await start();
});

test("a key that a person wants replaced is replaced once, and the one before it ends", async () => {
  const before = identity.keyId;
  const old = await readFile(store.keyFile, "utf8");
  await say(`/v1/devices/${identity.device}/rekey`);
  await shown(await begun());
  const after = await store.identity();
  expect(after?.keyId).not.toBe(before);
  expect(await readFile(store.keyFile, "utf8")).not.toBe(old);
  await forgetToken();
  expect(await shown(await begun())).toEqual(aToken);
  expect((await store.identity())?.keyId).toBe(after?.keyId);
  await writeFile(store.keyFile, old);
  expect(await at().token(await store.signer(), identity)).toMatchObject({ ok: false, kind: "refused" });
});

test.each([
  ["before the service has the next key", false],
  ["before the next key has its place", true],
])("power that goes %s leaves a device that gets tokens", async (_, isTaken) => {
  const present = await store.signer();
  const old = await readFile(store.keyFile, "utf8");
  const next = await store.nextSigner();
  if (isTaken) {
    const token = await at().token(present, identity);
    if (!token.ok) throw new Error(token.why);
    const given = await at().replaceKey(present, next, { ...identity, token: token.value.access_token });
    if (!given.ok) throw new Error(given.why);
    await store.saveIdentity({ ...identity, keyId: given.value.keyId });
  }
  expect(await shown(await begun())).toEqual(aToken);
  expect((await readFile(store.keyFile, "utf8")) === old).toBe(!isTaken);
  expect((await store.nextSigner()).publicKeyPem === next.publicKeyPem, "an unused key is used").toBe(!isTaken);
});

test("a key that is cut short is reported, and what was signed with it stays good", async () => {
  await shown(await begun());
  const whole = await readFile(store.keyFile, "utf8");
  await writeFile(store.keyFile, whole.slice(0, 300));
  expect(await shown(await begun())).toEqual(aToken);
  await forgetToken();
  await expect(shown(await begun())).rejects.toThrow(/the device's key does not sign: .*key\.pem: .*sudo iot-agent enrol URL CODE/);
});

test("an identity that is cut short is asked for again, by the same key", async () => {
  const file = join(store.folder, "identity.json");
  await writeFile(file, (await readFile(file, "utf8")).slice(0, 20));
  expect(await store.identity()).toBeNull();
  const looked = await at().enrol(await usableSigner(store, log), { hardware: {} });
  expect(looked).toEqual({ ok: true, value: identity });
});
