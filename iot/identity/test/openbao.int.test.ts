// The client of OpenBao on a real one: what is an answer, and what is none, however it fails.

import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { eventually, freePort, type OpenBao as BaoServer, startOpenBao, startRelay } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod/mini";
import { type BaoLogin, OpenBao } from "../src/openbao.ts";

let server: BaoServer;
let login: BaoLogin;
let issuer: Server;
const signal = AbortSignal.timeout(600_000);
const open = (changed: Partial<ConstructorParameters<typeof OpenBao>[0]> = {}, url = server.address): OpenBao =>
  new OpenBao({ at: { url, withinMs: 1_500, isKept: true }, login, signal, ...changed });

beforeAll(async () => {
  server = await startOpenBao({ isKept: true });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // OpenBao reads its discovery and its keys when it is set up, and no token in this file.
  const answers: Readonly<Record<string, object>> = {
    "/.well-known/openid-configuration": { issuer: url, jwks_uri: `${url}/keys`, id_token_signing_alg_values_supported: ["RS256"] },
    "/keys": { keys: [] },
  };
  issuer = createServer((request, response) => response.end(JSON.stringify(answers[request.url ?? ""] ?? {})));
  issuer.listen(port, "127.0.0.1");
  const files = await server.setUp({ issuer: url });
  const credentials = z.record(z.string(), z.string()).parse(JSON.parse(await readFile(files.enrolment, "utf8")));
  login = { path: "auth/iot-services/login", shown: () => Promise.resolve(credentials) };
  await server.put("grants/pi-1", { state: "approved" });
});
afterAll(async () => {
  issuer?.close();
  await server?.stop();
});

test("a document is read and written; one that is not there, or was deleted, is an answer", async () => {
  const bao = open();
  expect(await bao.read("grants/pi-1")).toEqual({ kind: "found", version: 1, data: { state: "approved" } });
  expect(await bao.read("grants/pi-none")).toEqual({ kind: "absent", wasDeleted: false });
  expect(await bao.write("grants/pi-2", { state: "disabled" })).toEqual({ kind: "written", version: 1 });
  expect(await bao.write("grants/pi-2", { state: "approved" })).toEqual({ kind: "written", version: 2 });
  await server.call("DELETE", "iot/data/grants/pi-2");
  expect(await bao.read("grants/pi-2")).toEqual({ kind: "absent", wasDeleted: true });
  bao.close();
});

test("what the policy does not permit, and a folder that nobody set up, are no answers", async () => {
  const bao = open();
  expect(await bao.read("devices/pi-1/secrets/db")).toMatchObject({ kind: "unknown", why: expect.stringContaining("HTTP 403") as unknown });
  expect(await bao.read("grants/pi-1")).toMatchObject({ kind: "found" });
  const move = async (from: string, to: string, kind: string): Promise<void> => {
    await server.call("POST", "sys/remount", { from, to });
    await eventually(async () => (await bao.read("grants/pi-1")).kind === kind, { what: `the folder ${to} is there` });
  };
  await move("iot", "elsewhere", "unknown");
  await move("elsewhere", "iot", "found");
  bao.close();
});

test("a login that is refused says nothing of who asked", async () => {
  const wrong = { path: login.path, shown: () => Promise.resolve({ role_id: "none", secret_id: "none" }) } as const;
  expect(await open({ login: wrong }).read("grants/pi-1")).toMatchObject({
    kind: "unknown",
    why: expect.stringContaining("at the login") as unknown,
  });
});

test("a token that has ended is replaced once", async () => {
  const role = { token_policies: ["iot-enrolment"], token_no_default_policy: true, token_type: "batch" };
  await server.call("POST", "auth/iot-services/role/enrolment", { ...role, token_ttl: "1s", token_max_ttl: "1s" });
  let logins = 0;
  const counted: BaoLogin = { ...login, shown: () => (logins++, login.shown()) };
  // Its clock stands still, so that it believes in a token for ever.
  const bao = open({ login: counted, clock: { now: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() } });
  expect(await bao.read("grants/pi-1")).toMatchObject({ kind: "found" });
  const isAgain = async (): Promise<boolean> => (await bao.read("grants/pi-1")).kind === "found" && logins === 2;
  await eventually(isAgain, { what: "it has logged in once more" });
  await server.call("POST", "auth/iot-services/role/enrolment", { ...role, token_ttl: "5m", token_max_ttl: "5m" });
  bao.close();
});

test("sealed, away and hanging: unknown, with why; one failure spares the next the waiting", async () => {
  let nowMs = 0;
  const bao = open({ clock: { now: () => 0, monotonicMs: () => nowMs, sleep: () => Promise.resolve() } });
  expect(await bao.read("grants/pi-1")).toMatchObject({ kind: "found" });
  await server.seal();
  expect(await bao.read("grants/pi-1")).toMatchObject({ kind: "unknown", why: expect.stringMatching(/HTTP 503: .*sealed/) as unknown });
  await server.unseal();
  expect(await bao.read("grants/pi-1")).toMatchObject({ kind: "unknown", why: expect.stringMatching(/sealed/) as unknown });
  nowMs += 1_001;
  expect(await bao.read("grants/pi-1")).toMatchObject({ kind: "found" });

  await server.down();
  expect(await bao.read("grants/pi-1")).toMatchObject({ kind: "unknown", why: expect.stringContaining("cannot be reached") as unknown });
  await server.start();
  nowMs += 1_001;
  expect(await bao.read("grants/pi-1")).toMatchObject({ kind: "unknown", why: expect.stringMatching(/sealed/) as unknown });
  await server.unseal();
  bao.close();

  await using relay = await startRelay({ target: { host: "127.0.0.1", port: Number(new URL(server.address).port) } });
  const through = open({}, `http://${relay.host}:${relay.port}`);
  expect(await through.read("grants/pi-1")).toMatchObject({ kind: "found" });
  relay.freeze();
  expect(await through.read("grants/pi-1")).toMatchObject({ kind: "unknown", why: expect.stringContaining("within 1.5 s") as unknown });
  through.close();
});
