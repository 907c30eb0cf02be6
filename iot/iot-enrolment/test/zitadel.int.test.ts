// A fleet whose devices get their tokens at Zitadel: the service makes their accounts there, and the
// callout believes both issuers. The issuer is the one of the tests, on Zitadel's own library; what it
// takes is shown a moment later, as Zitadel's is.

import { DeviceDocument, RekeyAnswer, StepsAnswer, TokenAnswer, type ZitadelAccount } from "@iot/identity";
import { eventually, startIssuer, type TestIssuer } from "@iot/testkit";
import * as z from "zod/mini";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as requests from "../src/zitadel/requests.ts";
import { type Enrolled, type Fleet, natsLogin, type Said, startFleet, type TestDevice } from "./fleet.ts";
import { enrolledByCode, enrolledByPerson } from "./enrolled.ts";

const KeyMade = z.object({ keyId: z.string() });
const stack = new AsyncDisposableStack();
let zitadel: TestIssuer;
let fleet: Fleet;
beforeAll(async () => {
  zitadel = stack.use(await startIssuer({ lag: "300ms" }));
  fleet = await startFleet({ zitadel });
  stack.defer(() => fleet.close());
});
afterAll(() => stack.disposeAsync());

function lastRefusal(): string | undefined {
  return fleet.lines.findLast((line) => line.includes("a login is refused"));
}

async function expectRefused(user: string, token: string, why: string): Promise<void> {
  await expect(natsLogin(fleet.nats, user, token)).rejects.toThrow(/authorization violation/i);
  expect(lastRefusal()).toContain(why);
}

test("a device that was let in has an account at Zitadel, and comes in by the token that Zitadel gives it", async () => {
  const { device, answer } = await enrolledByCode(fleet, "pi-7");
  expect(answer.zitadel).toMatchObject({ issuer: zitadel.url, project: zitadel.project });
  const login = await device.login(answer);
  expect(await login.request("iot.status.pi-7", "{}", { timeout: 1_000 }).catch((error: unknown) => String(error))).not.toMatch(
    /permission/i,
  );
  await login.close();
});

test("so does one that a person approved; its file of rights and its record say no more than of another", async () => {
  const { device, answer } = await enrolledByPerson(fleet, "pi-kiln-3");
  const login = await device.login(answer);
  await login.close();
  const said = await fleet.get("/v1/device", { authorization: `Bearer ${await device.token(answer)}` });
  expect(DeviceDocument.parse(said.body)).toMatchObject({ device: "pi-kiln-3", zitadel: answer.zitadel, keyId: answer.keyId });
  // From then on Zitadel alone says whether it gets a token.
  expect(await device.askToken(answer)).toMatchObject({ status: 400, text: expect.stringContaining("are Zitadel's") as unknown });
});

describe("what a token needs is a role of ours, and no more is believed", () => {
  test("neither a user without the role, nor one whose scope is left out, nor another's name", async () => {
    const stranger = await fleet.device();
    const keyId = await machine("pi-stranger", stranger, []);
    const account = { issuer: zitadel.url, project: zitadel.project, keyId };
    // Whoever asks is given the audience.
    const { body } = await eventually(async () => given(await stranger.askZitadel(account, "pi-stranger")), { what: "the key is read" });
    await expectRefused("pi-stranger", token(body), "has not the role of a device");
    const { device, answer } = await enrolledByCode(fleet, "pi-scope");
    const own = await device.token(answer);
    await expectRefused("pi-7", own, 'the user is \\"pi-7\\"');
    await expectRefused("pi-scope", `${own.slice(0, -6)}AAAAAA`, "its signature is wrong");
    await expectRefused(
      "pi-scope",
      token((await device.askZitadel({ ...account, keyId: accountOf(answer).keyId, project: "1" }, "pi-scope")).body),
      "aud",
    );
    const assertion = await device.assertion(answer);
    await expectRefused("pi-scope", assertion, "a key that is not known");
  });

  test("a device that Zitadel knows and the service does not, has no grant", async () => {
    const stranger = await fleet.device();
    const account = { issuer: zitadel.url, project: zitadel.project, keyId: await machine("pi-unknown", stranger, ["device"]) };
    const { body } = await eventually(async () => given(await stranger.askZitadel(account, "pi-unknown")), { what: "the key is read" });
    await expectRefused("pi-unknown", token(body), "has no grant");
  });

  test("a person's role at Zitadel lets nobody in as a device", async () => {
    const person = await fleet.device();
    const account = { issuer: zitadel.url, project: zitadel.project, keyId: await machine("pi-anna", person, ["admin"]) };
    const { body } = await eventually(async () => given(await person.askZitadel(account, "pi-anna")), { what: "the key is read" });
    await expectRefused("pi-kiln-3", token(body), "the user is");
  });
});

test("one that is disabled is out at both, and one that is enabled comes in again", async () => {
  const { device, answer } = await enrolledByCode(fleet, "pi-stolen");
  const login = await device.login(answer);
  const before = await device.token(answer);
  const said = await fleet.say("/v1/devices/pi-stolen/disable", { reason: "stolen" });
  const { steps } = StepsAnswer.parse(said.body);
  expect(steps.map(({ step, isDone, message }) => [step, isDone, message])).toEqual([
    ["grant", true, "disabled (stolen): it gets no token, and the ones that it has are ended"],
    ["zitadel", true, "deactivated"],
    ["callouts", true, "1 of 1 know it"],
    ["connections", true, "1 ended"],
  ]);
  await login.closed();
  await expectRefused("pi-stolen", before, "the device is disabled (stolen)");
  expect(await device.askZitadel(accountOf(answer), "pi-stolen")).toMatchObject({ status: 400 });
  const again = await fleet.say("/v1/devices/pi-stolen/disable", { reason: "stolen" });
  expect(again.text).toContain('"deactivated"');
  expect((await fleet.say("/v1/devices/pi-stolen/enable")).text).toContain('"reactivated"');
  const back = await eventually(() => device.login(answer), { what: "it comes in" });
  await back.close();
  await expectRefused("pi-stolen", before, "from before all of the device's tokens were ended");
});

test("with Zitadel down the command says what is left, and does the rest", async () => {
  const { device, answer } = await enrolledByCode(fleet, "pi-left");
  const login = await device.login(answer);
  await zitadel.kill();
  const said = await fleet.say("/v1/devices/pi-left/disable", { reason: "stolen" });
  expect(said).toMatchObject({ status: 207, text: expect.stringMatching(/Zitadel at \S+ does not answer: .*; say it again/) as unknown });
  await login.closed();
  await zitadel.start();
  expect(await fleet.say("/v1/devices/pi-left/disable", { reason: "stolen" })).toMatchObject({ status: 200 });
});

test("another key of Zitadel's is believed when it signs, and the one before for as long as its tokens live", async () => {
  const { device, answer } = await enrolledByCode(fleet, "pi-rotate");
  const before = await device.token(answer);
  await zitadel.rotate();
  const after = await device.token(answer);
  expect(kidOf(after)).not.toBe(kidOf(before));
  const login = await eventually(() => natsLogin(fleet.nats, "pi-rotate", after), {
    what: "the new key is read, once in ten seconds",
    timeoutMs: 20_000,
  });
  await login.close();
  await (await natsLogin(fleet.nats, "pi-rotate", before)).close();
});

test("with Zitadel down for a week and the callout restarted, whoever was let in comes in", async () => {
  const { device, answer } = await enrolledByCode(fleet, "pi-week");
  const held = await device.token(answer);
  await (await natsLogin(fleet.nats, "pi-week", held)).close();
  await zitadel.kill();
  await fleet.callouts.shift()?.close();
  fleet.callouts.push(await fleet.startCallout());
  await (await natsLogin(fleet.nats, "pi-week", held)).close();
  // Nobody can say whether that key is Zitadel's: it is no refusal of the device.
  const [header = "", ...rest] = held.split(".");
  const unknown = Buffer.from(header, "base64url").toString().replace(kidOf(held), "300000000000009999");
  await expectRefused("pi-week", [Buffer.from(unknown).toString("base64url"), ...rest].join("."), "its issuer does not answer");
  await zitadel.start();
});

test("a flood of unknown keys makes the callout ask Zitadel once in ten seconds", async () => {
  const { device, answer } = await enrolledByCode(fleet, "pi-flood");
  const [header = "", ...rest] = (await device.token(answer)).split(".");
  const before = fleet.lines.length;
  const forged = Array.from({ length: 20 }, (_, index) =>
    [
      Buffer.from(
        Buffer.from(header, "base64url")
          .toString()
          .replace(/"kid":"\d+"/, `"kid":"${index}"`),
      ).toString("base64url"),
      ...rest,
    ].join("."),
  );
  await Promise.all(forged.map((each) => expect(natsLogin(fleet.nats, "pi-flood", each)).rejects.toThrow(/authorization violation/i)));
  await (await natsLogin(fleet.nats, "pi-flood", await device.token(answer))).close();
  expect(fleet.lines.slice(before).filter((line) => line.includes("cannot be read"))).toEqual([]);
});

describe("a fleet moves", () => {
  test("to Zitadel and back, device by device, while they are connected", async () => {
    await fleet.restart({ zitadel: null });
    const moving = await Promise.all(["pi-m1", "pi-m2", "pi-m3"].map((id) => enrolledByCode(fleet, id)));
    expect(moving.every(({ answer }) => answer.zitadel === undefined)).toBe(true);
    const logins = await Promise.all(moving.map(({ device, answer }) => device.login(answer)));
    await fleet.restart({ zitadel });
    for (const { device, answer } of moving) {
      const own = await device.token(answer);
      const account = await eventually(async () => documentOf(own).then((document) => document.zitadel), { what: "it has an account" });
      const moved = { ...answer, zitadel: account };
      // Both count, until it has shown the new one.
      await (await natsLogin(fleet.nats, answer.device, own)).close();
      const theirs = await device.token(moved);
      await (await natsLogin(fleet.nats, answer.device, theirs)).close();
      expect((await documentOf(theirs)).zitadel).toEqual(account);
      expect(await device.askToken(answer)).toMatchObject({ status: 400 });
    }
    await fleet.restart({ zitadel: null });
    for (const { device, answer } of moving) {
      expect((await documentOf(await device.token(answer))).zitadel).toBeUndefined();
      await (await device.login(answer)).close();
    }
    for (const login of logins) {
      expect(login.isClosed()).toBe(false);
      await login.close();
    }
    await fleet.restart({ zitadel });
  });
});

describe("a device gets another key", () => {
  test("which Zitadel has before the device is answered, and the one before ends there when it was used", async () => {
    const { device, answer } = await enrolledByCode(fleet, "pi-rekey");
    const next = await fleet.device();
    const bearer = { authorization: `Bearer ${await device.token(answer)}` };
    const body = { publicKey: next.publicKey, proof: await next.proof(), assertion: await device.assertion(answer) };
    const said = await eventually(async () => given(await fleet.post("/v1/keys", body, bearer)).body, { what: "it is taken" });
    const { keyId, zitadel: account } = RekeyAnswer.parse(said);
    const rekeyed = { device: "pi-rekey", keyId, zitadel: account };
    for (const each of [await device.login(answer), await next.login(rekeyed)]) await each.close();
    expect(await fleet.post("/v1/keys/used", { assertion: await next.assertion(rekeyed) })).toMatchObject({ status: 200 });
    await eventually(async () => (await device.askZitadel(accountOf(answer), "pi-rekey")).status === 400, {
      what: "the old key is refused",
    });
    await (await next.login(rekeyed)).close();
    expect((await fleet.post("/v1/keys/used", { assertion: await device.assertion(answer) })).status).toBe(401);
  });
});

/** As an administrator of Zitadel makes one, beside the service. */
async function machine(id: string, device: TestDevice, roles: readonly string[]): Promise<string> {
  for (const { method, path, body } of [requests.addMachine(id), ...(roles.length === 0 ? [] : [requests.addRole(id, zitadel.project)])]) {
    await zitadel.call(method, `/management/v1${path}`, { ...body, ...(path.endsWith("/grants") ? { roleKeys: roles } : {}) });
  }
  const { method, path, body } = requests.addKey(id, device.publicKey);
  return KeyMade.parse(await zitadel.call(method, `/management/v1${path}`, body)).keyId;
}

async function documentOf(shown: string): Promise<DeviceDocument> {
  return DeviceDocument.parse((await fleet.get("/v1/device", { authorization: `Bearer ${shown}` })).body);
}

function given(said: Said): Said {
  if (said.status !== 200) throw new Error(`HTTP ${said.status}: ${said.text}`);
  return said;
}

function token(body: unknown): string {
  return TokenAnswer.parse(body).access_token;
}

function accountOf({ zitadel: account }: Enrolled): ZitadelAccount {
  if (account === undefined) throw new Error("it has no account at Zitadel");
  return account;
}

function kidOf(jwt: string): string {
  return /"kid":"([^"]+)"/.exec(Buffer.from(jwt.split(".")[0] ?? "", "base64url").toString())?.[1] ?? "";
}
