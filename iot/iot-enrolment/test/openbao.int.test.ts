// OpenBao as the shipped script sets it up, with the enrolment service's own issuer: a device reads
// what is its own, and nothing else; what is not a device's token opens nothing.

import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile, rm, stat } from "node:fs/promises";
import { keyIdOf, makeDeviceKey, PersonToken, signToken } from "@iot/identity";
import { type OpenBao, type OpenBaoAnswer, type OpenBaoCredentials, startOpenBao } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { type Fleet, startFleet, type TestDevice } from "./fleet.ts";
import { enrolled } from "./enrolled.ts";

let fleet: Fleet;
let bao: OpenBao;
let device: TestDevice;
let token: string;

beforeAll(async () => {
  [fleet, bao] = await Promise.all([startFleet(), startOpenBao()]);
  await bao.setUp({ issuer: fleet.url });
  ({ device, token } = await enrolled(fleet, "pi-1", { group: "kilns" }));
  await bao.put("devices/pi-1/secrets/db", { value: "of pi-1" });
  await bao.put("devices/pi-2/secrets/db", { value: "of pi-2" });
  await bao.put("groups/kilns/secrets/cloud", { value: "of the kilns" });
  await bao.put("groups/ovens/secrets/cloud", { value: "of the ovens" });
  await bao.put("grants/pi-1", { state: "approved" });
});
afterAll(async () => {
  await fleet?.close();
  await bao?.stop();
});

const login = (jwt: string, role = "device"): Promise<OpenBaoAnswer> => bao.call("POST", "auth/iot/login", { jwt, role }, "");
const LoggedIn = z.object({ auth: z.object({ client_token: z.string() }) });
const clientTokenOf = ({ body }: OpenBaoAnswer): string => LoggedIn.parse(body).auth.client_token;

test("a device logs in by its own token, for five minutes, and OpenBao writes no token down", async () => {
  const answer = await login(token);
  expect(answer).toMatchObject({
    status: 200,
    body: { auth: { lease_duration: 300, token_type: "batch", token_policies: ["iot-device"] } },
  });
});

test("it reads its secrets and its group's", async () => {
  const own = clientTokenOf(await login(token));
  expect((await bao.call("GET", "iot/data/devices/pi-1/secrets/db", undefined, own)).text).toContain("of pi-1");
  expect((await bao.call("GET", "iot/data/groups/kilns/secrets/cloud", undefined, own)).text).toContain("of the kilns");
});

describe("what is not its own", () => {
  const OTHER = "iot/data/devices/pi-2/secrets/db";
  test.each<[string, Parameters<OpenBao["call"]>[0], string]>([
    ["another device's secret", "GET", OTHER],
    ["the same, by a way around", "GET", "iot/data/devices/pi-1/..%2fpi-2/secrets/db"],
    ["the same, by another", "GET", "iot/data/devices/pi-1/%2e%2e/pi-2/secrets/db"],
    ["its versions", "GET", "iot/metadata/devices/pi-2/secrets/db"],
    ["the list of devices", "LIST", "iot/metadata/devices"],
    ["the list of its own secrets", "LIST", "iot/metadata/devices/pi-1/secrets"],
    ["another group's secret", "GET", "iot/data/groups/ovens/secrets/cloud"],
    ["a grant", "GET", "iot/data/grants/pi-1"],
    ["a change of its own", "POST", "iot/data/devices/pi-1/secrets/db"],
    ["its own end", "DELETE", "iot/data/devices/pi-1/secrets/db"],
    ["the settings", "GET", "sys/auth"],
    ["a token of its own making", "POST", "auth/token/create"],
  ])("%s is refused", async (_what, method, path) => {
    const own = clientTokenOf(await login(token));
    const answer = await bao.call(method, path, method === "POST" ? { data: { value: "x" } } : undefined, own);
    expect([400, 403, 405]).toContain(answer.status);
    expect(answer.text).not.toContain("of pi-2");
  });

  test("a device without a group reads none, whatever it calls it", async () => {
    const alone = await enrolled(fleet, "pi-3", { group: "kilns/../ovens" });
    const own = clientTokenOf(await login(alone.token));
    for (const group of ["kilns", "ovens", "%7B%7B", "", "*"]) {
      expect([403, 404]).toContain((await bao.call("GET", `iot/data/groups/${group}/secrets/cloud`, undefined, own)).status);
    }
  });
});

describe("what is no token of a device opens nothing", () => {
  test("the token of a device, changed", async () => {
    const [header, claims = "", signature] = token.split(".");
    const changed = Buffer.from(Buffer.from(claims, "base64url").toString().replace('"sub":"pi-1"', '"sub":"pi-2"'));
    expect(changed.toString()).toContain("pi-2");
    expect(await login([header, changed.toString("base64url"), signature].join("."))).toMatchObject({ status: 400 });
  });
  test.each(["callout", "enrolment", "", "root"])('the token of a device, for the role "%s"', async (role) => {
    expect(await login(token, role)).toMatchObject({ status: 400 });
  });
  test("the assertion in place of the token", async () => {
    const { answer } = await enrolled(fleet, "pi-4");
    expect(await login(await device.assertion(answer))).toMatchObject({ status: 400 });
  });
  test("the token of a person", async () => {
    const secret = await fleet.person("anna", "admin");
    const { body } = await fleet.post("/v1/token", undefined, { authorization: `Bearer ${secret}` });
    expect(await login(PersonToken.parse(body).access_token)).toMatchObject({ status: 400 });
  });
  test.each<[string, (of: OwnIssuer) => Partial<OwnIssuer> | Promise<Partial<OwnIssuer>>]>([
    ["one that another key signed", async () => ({ key: createPrivateKey(await makeDeviceKey()) })],
    ["one of another issuer", ({ issuer }) => ({ issuer: { ...issuer, issuer: "https://other.example" } })],
    ["one for another project", ({ issuer }) => ({ issuer: { ...issuer, project: "other" } })],
    ["one whose role another organisation gave", ({ issuer }) => ({ issuer: { ...issuer, organisation: "other" } })],
    ["one of a person's role", () => ({ role: "admin" })],
    ["one that has ended", () => ({ nowMs: Date.now() - 7_200_000 })],
  ])("%s", async (_what, changed) => {
    const of = await ownIssuer();
    const { key, ...token } = { ...of, ...(await changed(of)) };
    expect(await login(await signToken(key, token))).toMatchObject({ status: 400 });
  });
  test("and as it should be, it does", async () => {
    const { key, ...of } = await ownIssuer();
    expect(await login(await signToken(key, of))).toMatchObject({ status: 200 });
  });
});

type OwnIssuer = { readonly key: KeyObject } & Parameters<typeof signToken>[1];

/** What the issuer's tokens are made of, with its own key. */
async function ownIssuer(): Promise<OwnIssuer> {
  const key = createPrivateKey(await readFile(fleet.issuerKeyFile));
  const issuer = { issuer: fleet.url, project: "iot", organisation: "standalone" };
  return { key, subject: "pi-9", role: "device", issuer, keyId: keyIdOf(key), nowMs: Date.now(), lifeS: 3_600 };
}

async function shownBy(file: string): Promise<Record<string, string>> {
  return z.record(z.string(), z.string()).parse(JSON.parse(await readFile(file, "utf8")));
}

test("the script, run again, changes nothing; the services log in by what it made", async () => {
  const Role = z.object({ data: z.record(z.string(), z.unknown()) });
  const role = async (): Promise<unknown> => Role.parse((await bao.call("GET", "auth/iot/role/device")).body).data;
  const asBefore = await role();
  const files: OpenBaoCredentials = await bao.setUp({ issuer: fleet.url });
  expect(await role()).toEqual(asBefore);
  for (const name of ["callout", "enrolment"] as const) {
    const file = files[name];
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const services = await bao.call("POST", "auth/iot-services/login", await shownBy(file), "");
    expect(services).toMatchObject({ status: 200, body: { auth: { token_policies: [`iot-${name}`], token_type: "batch" } } });
    const own = clientTokenOf(services);
    expect(await bao.call("GET", "iot/data/grants/pi-1", undefined, own)).toMatchObject({ status: 200 });
    const written = await bao.call("POST", "iot/data/grants/pi-1", { data: { state: "approved" } }, own);
    expect(written.status).toBe(name === "enrolment" ? 200 : 403);
    expect(await bao.call("GET", "iot/data/devices/pi-1/secrets/db", undefined, own)).toMatchObject({ status: 403 });
  }
  // Somebody had the file: others take its place.
  const before = await shownBy(files.callout);
  await bao.call("DELETE", "auth/iot-services/role/callout");
  await rm(files.callout);
  await bao.setUp({ issuer: fleet.url });
  expect(await bao.call("POST", "auth/iot-services/login", before, "")).toMatchObject({ status: 400 });
  expect(await bao.call("POST", "auth/iot-services/login", await shownBy(files.callout), "")).toMatchObject({ status: 200 });
});

test("another key of the issuer's is taken as soon as it signs", async () => {
  await fleet.stop();
  await rm(fleet.issuerKeyFile);
  await fleet.restart();
  const { token: newer } = await enrolled(fleet, "pi-5");
  expect(await login(newer)).toMatchObject({ status: 200 });
  expect(await login(token)).toMatchObject({ status: 400 });
});
