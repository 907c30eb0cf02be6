// A device that gets its tokens at Zitadel: with any clock, while Zitadel or the enrolment service is
// away, when it moves there and back, when it gets another key, and beside a service that lies. The
// issuer is the one of the tests, on Zitadel's own library.

import { createServer, type Server } from "node:http";
import { readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Clock, createLog, systemClock } from "@harmony/runtime";
import {
  eventually,
  freePort,
  IDENTITY_PASSWORDS,
  makeTempFolder,
  natsIdentitiesConfig,
  run,
  runEnrolment,
  type ServerProcess,
  startEnrolmentProcess,
  startIssuer,
  startNats,
  type TestIssuer,
} from "@iot/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import * as z from "zod/mini";
import { codeOf, usableSigner } from "../src/identity/enrol.ts";
import { EnrolmentService } from "../src/identity/enrolment-service.ts";
import { PeerClock } from "@iot/identity/device";
import { type Identity, IdentityStore } from "../src/identity/identity-store.ts";
import { TokenCredentials } from "../src/identity/token-credentials.ts";
import { TokenIssuer } from "../src/identity/token-issuer.ts";

const Shown = z.object({ user: z.string(), pass: z.string() });
const CALLOUT = join(import.meta.dirname, "../../iot-callout/src/main.ts");
const signal = AbortSignal.timeout(110_000);
const stack = new AsyncDisposableStack();
const lines: string[] = [];
const log = createLog({ name: "agent", format: "text", write: (line) => void lines.push(line) });

let zitadel: TestIssuer;
let url: string;
let env: Record<string, string>;
let ofZitadel: Record<string, string>;
let service: ServerProcess;
let secret: string;
let devices = 0;

beforeAll(async () => {
  zitadel = stack.use(await startIssuer({ lag: "100ms" }));
  const folder = await makeTempFolder("agent-zitadel");
  stack.defer(() => folder.remove());
  const made = await run([process.execPath, CALLOUT, "keys", join(folder.path, "callout.json")]);
  const [, issuer = "", xkey = ""] = /ISSUER=(\w+)\n.*XKEY=(\w+)/.exec(made.stdout) ?? [];
  const nats = stack.use(await startNats({ config: natsIdentitiesConfig({ issuer, xkey }) }));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  env = {
    NATS_URL: nats.url,
    NATS_PASSWORD: IDENTITY_PASSWORDS.enrolment,
    IOT_ENROLMENT_URL: url,
    IOT_ENROLMENT_LISTEN: `127.0.0.1:${port}`,
    IOT_ENROLMENT_STATE: folder.path,
  };
  const { tokenFile, project, organisation } = zitadel;
  ofZitadel = {
    IOT_ZITADEL_URL: zitadel.url,
    IOT_ZITADEL_PROJECT: project,
    IOT_ZITADEL_ORGANISATION: organisation,
    IOT_ZITADEL_TOKEN_FILE: tokenFile,
  };
  await startService(ofZitadel);
  stack.defer(() => service.stop());
  secret = (await runEnrolment(["person", "add", "anna", "--role", "admin"], env)).stdout.trim();
});
afterAll(() => stack.disposeAsync());

async function startService(more: Readonly<Record<string, string>>): Promise<void> {
  service = await startEnrolmentProcess({ ...env, ...more }, async () => (await fetch(`${url}/readyz`)).ok);
}

async function say(path: string): Promise<string> {
  const response = await fetch(url + path, { method: "POST", headers: { authorization: `Bearer ${secret}` }, body: '{"reason":"stolen"}' });
  return response.text();
}

let store: IdentityStore;
let identity: Identity;
beforeEach(async () => {
  const folder = await makeTempFolder("agent-state");
  stack.defer(() => folder.remove());
  store = new IdentityStore(folder.path);
  devices += 1;
  identity = await enrolled(`pi-${devices}`);
});

async function enrolled(id: string): Promise<Identity> {
  const code = /"code":"([^"]+)"/.exec(await say(`/v1/devices/${id}/code`))?.[1];
  const signer = await usableSigner(store, log);
  await at().enrol(signer, { code, hardware: {} });
  const approved = await eventually(
    async () => {
      const given = await at().look(signer, codeOf(signer));
      return given.ok && given.value.state === "approved" ? given.value : Promise.reject(new Error(JSON.stringify(given)));
    },
    { what: "it is approved, with its account" },
  );
  await store.saveIdentity(approved);
  return approved;
}

function at(address = url): EnrolmentService {
  return new EnrolmentService({ url: address }, signal);
}

interface Beginning {
  readonly clock?: Clock;
  readonly address?: string;
}

/** Begins as an agent does, with what is on its disk. */
async function begun({ clock = systemClock, address = url }: Beginning = {}): Promise<TokenCredentials> {
  const now = await store.identity();
  if (now === null) throw new Error("there is no identity on the disk");
  const peerClock = new PeerClock(clock);
  return new TokenCredentials({
    store,
    service: new EnrolmentService({ url: address }, signal, peerClock),
    identity: now,
    issuerOf: ({ issuer, project }) => new TokenIssuer({ url: issuer }, signal, { clock: peerClock, project }),
    wayToNats: () => Promise.resolve({ ok: false, kind: "down", why: "there is no OpenBao" }),
    onMoved: () => undefined,
    log,
  });
}

/** Who has signed the token that it shows. */
async function issuerShown(credentials: TokenCredentials): Promise<string | undefined> {
  const { pass } = Shown.parse((await credentials.current()).authenticator());
  return /"iss":"([^"]+)"/.exec(Buffer.from(pass.split(".")[1] ?? "", "base64url").toString())?.[1];
}

const forgetToken = (): Promise<void> => rm(join(store.folder, "token.json"));

test.each([
  ["right", 0],
  ["an hour behind", -3_600],
  ["two minutes ahead", 120],
  ["of 1970", -Math.floor(Date.now() / 1_000)],
  ["30 years ahead", 30 * 365 * 86_400],
])("a clock that is %s gets a token of Zitadel", async (_, offS) => {
  expect(identity.zitadel).toMatchObject({ issuer: zitadel.url, project: zitadel.project });
  const clock: Clock = { ...systemClock, now: () => Date.now() + offS * 1_000 };
  expect(await issuerShown(await begun({ clock }))).toBe(zitadel.url);
});

test("with Zitadel and the service away, the token on the disk is shown; without one the sentence says who is away", async () => {
  expect(await issuerShown(await begun())).toBe(zitadel.url);
  await zitadel.kill();
  expect(await issuerShown(await begun())).toBe(zitadel.url);
  await forgetToken();
  await expect(begun().then(issuerShown)).rejects.toThrow(new RegExp(`the issuer gives no token: ${zitadel.url} cannot be reached`));
  await zitadel.start();
  expect(await issuerShown(await begun())).toBe(zitadel.url);
});

test("one that is disabled is refused, and one whose key does not sign is not said to be refused", async () => {
  await issuerShown(await begun());
  const pem = await readFile(store.keyFile, "utf8");
  await say(`/v1/devices/${identity.device}/disable`);
  await forgetToken();
  await expect(begun().then(issuerShown)).rejects.toThrow(`${zitadel.url} says: Errors.User.NotActive`);
  await say(`/v1/devices/${identity.device}/enable`);
  await writeFile(store.keyFile, pem.slice(0, 300));
  await expect(begun().then(issuerShown)).rejects.toThrow(/^the device's key does not sign: .*key\.pem: /);
});

test("it moves to the service's own tokens and back to Zitadel's, by what the service says", async () => {
  expect(await issuerShown(await begun())).toBe(zitadel.url);
  await service.stop();
  await startService({});
  await forgetToken();
  expect(await issuerShown(await begun())).toBe(url);
  expect((await store.identity())?.zitadel).toBeUndefined();
  await service.stop();
  await startService(ofZitadel);
  await forgetToken();
  expect(await issuerShown(await begun())).toBe(zitadel.url);
  expect((await store.identity())?.zitadel).toEqual(identity.zitadel);
});

test("where Zitadel cannot be reached from the device, the tokens come from where they came from", async () => {
  await service.stop();
  await startService({});
  await issuerShown(await begun());
  await service.stop();
  await startService(ofZitadel);
  await zitadel.kill();
  await forgetToken();
  expect(await issuerShown(await begun())).toBe(url);
  await zitadel.start();
  await forgetToken();
  expect(await issuerShown(await begun())).toBe(zitadel.url);
});

test("a person gives it another key, which Zitadel has, and the one before is of no use there", async () => {
  await issuerShown(await begun());
  const before = await store.signer();
  await say(`/v1/devices/${identity.device}/rekey`);
  await forgetToken();
  await issuerShown(await begun());
  const after = await store.identity();
  expect(after?.keyId).not.toBe(identity.keyId);
  expect(after?.zitadel?.keyId).not.toBe(identity.zitadel?.keyId);
  await forgetToken();
  expect(await issuerShown(await begun())).toBe(zitadel.url);
  const old = new TokenIssuer({ url: zitadel.url }, signal, { clock: new PeerClock(), project: zitadel.project });
  const of = { device: identity.device, keyId: identity.zitadel?.keyId ?? "" };
  await eventually(async () => !(await old.token(before, of)).ok, { what: "the old key is refused" });
});

test("a device that lost power before it said that its new key is used, says it with its next token", async () => {
  const token = await at(zitadel.url).token(await store.signer(), identity);
  expect(token.ok, "Zitadel without the scope says no role").toBe(false);
  await issuerShown(await begun());
  const held = await store.token();
  const next = await store.nextSigner();
  const given = await at().replaceKey(await store.signer(), next, { ...identity, token: held?.access_token ?? "" });
  if (!given.ok || given.value.zitadel === undefined) throw new Error(JSON.stringify(given));
  await store.saveIdentity({ ...identity, ...given.value });
  await forgetToken();
  expect(await issuerShown(await begun())).toBe(zitadel.url);
  const list = await (await fetch(`${url}/v1/devices`, { headers: { authorization: `Bearer ${secret}` } })).text();
  expect(list).toContain(given.value.keyId);
  expect(list).not.toContain(identity.keyId);
});

test.each<[string, (said: Identity) => object]>([
  ["another device", ({ device: _, ...said }) => ({ ...said, device: "pi-other" })],
  ["what is no document", () => ({ device: 7 })],
  ["an issuer that gives no token", (said) => ({ ...said, zitadel: { ...said.zitadel, issuer: "http://127.0.0.1:9" } })],
  ["a key that the device has not", (said) => ({ ...said, keyId: "0000" })],
])("a service that names %s changes nothing of what the device is", async (_, lie) => {
  await issuerShown(await begun());
  const liar = await lyingService(lie({ ...identity }));
  await forgetToken();
  expect(await issuerShown(await begun({ address: `http://127.0.0.1:${portOf(liar)}` }))).toBe(zitadel.url);
  expect(await store.identity()).toEqual(identity);
});

/** Answers everything with one document. */
async function lyingService(said: object): Promise<Server> {
  const server = createServer((_request, response) => response.end(JSON.stringify(said)));
  stack.defer(() => void server.close());
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  return server;
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
