// What this project takes for granted of Zitadel: which assertions get a token, which do not, and what
// is in a token. It runs against the Zitadel that ZITADEL_URL names, with ZITADEL_PAT (a file),
// ZITADEL_PROJECT and ZITADEL_ORGANISATION, as docs/runbooks/zitadel-new-version.md says; without it
// against the issuer of the tests, which is on Zitadel's own library and is no Zitadel.

import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { fetchKeys, type Issuer, publicPem, tokenScope, verifyToken } from "@iot/identity";
import { eventually, startIssuer } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { ZitadelAdministrator, type ZitadelConfig } from "../src/zitadel/administrator.ts";

const stack = new AsyncDisposableStack();
const run = Date.now().toString(36);
const SHOWN_WITHIN_MS = 90_000;
const TokenSaid = z.object({ access_token: z.string(), expires_in: z.number() });

interface Machine {
  readonly id: string;
  readonly keyId: string;
  readonly key: KeyObject;
}

let config: ZitadelConfig;
let administrator: ZitadelAdministrator;
/** Two devices; a user without a role. */
let [a, b, stranger]: Machine[] = [];

beforeAll(async () => {
  config = fromEnvironment() ?? stack.use(await startedIssuer()).config;
  administrator = new ZitadelAdministrator(config);
  a = await machine(`pi-a-${run}`, { hasRole: true });
  b = await machine(`pi-b-${run}`, { hasRole: true });
  stranger = await machine(`pi-s-${run}`, { hasRole: false });
});
afterAll(async () => {
  for (const each of [a, b, stranger]) if (each !== undefined) await administrator.remove(each.id);
  await stack.disposeAsync();
});

function fromEnvironment(): ZitadelConfig | null {
  const {
    ZITADEL_URL: url,
    ZITADEL_PROJECT: project = "",
    ZITADEL_ORGANISATION: organisation = "",
    ZITADEL_PAT: tokenFile = "",
  } = process.env;
  return url === undefined ? null : { url, project, organisation, tokenFile };
}

async function startedIssuer(): Promise<{ readonly config: ZitadelConfig } & AsyncDisposable> {
  const issuer = await startIssuer({ lag: "200ms" });
  return { config: issuer, [Symbol.asyncDispose]: () => issuer.stop() };
}

async function machine(id: string, { hasRole }: { readonly hasRole: boolean }): Promise<Machine> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  await administrator.addMachine(id);
  if (hasRole) await administrator.addRole(id);
  const keyId = await administrator.addKey(id, publicPem(privateKey));
  const shown = async (): Promise<boolean> => {
    const seen = await administrator.look(id);
    return seen.keys.includes(keyId) && seen.hasRole === hasRole;
  };
  await eventually(shown, { what: "what was written is shown", timeoutMs: SHOWN_WITHIN_MS });
  return { id, keyId, key: privateKey };
}

const nowS = (): number => Math.floor(Date.now() / 1_000);

interface Assertion {
  readonly by?: Machine | undefined;
  readonly header?: object;
  readonly claims?: object;
  /** In place of RS256 by the machine's key. */
  readonly signature?: (text: string) => string;
}

function assertion({ by = a, header = {}, claims = {}, signature }: Assertion = {}): string {
  const { id = "", keyId = "" } = by ?? {};
  const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const full = { iss: id, sub: id, aud: config.url, iat: nowS() - 30, exp: nowS() + 60, ...claims };
  const text = `${base64({ alg: "RS256", kid: keyId, ...header })}.${base64(full)}`;
  return `${text}.${signature === undefined ? sign("sha256", Buffer.from(text), by?.key ?? "").toString("base64url") : signature(text)}`;
}

async function ask(shown: string, scope = tokenScope(config.project)): Promise<{ readonly status: number; readonly text: string }> {
  const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: shown, scope };
  const response = await fetch(`${config.url}/oauth/v2/token`, { method: "POST", body: new URLSearchParams(form) });
  return { status: response.status, text: await response.text() };
}

async function token(shown: string, scope?: string): Promise<string> {
  const { status, text } = await ask(shown, scope);
  if (status !== 200) throw new Error(`HTTP ${status}: ${text}`);
  return TokenSaid.parse(JSON.parse(text)).access_token;
}

const claimsOf = (jwt: string): string => Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString();

describe("a token is given for", () => {
  test.each<[string, () => string]>([
    ["an assertion as a device makes it", () => assertion()],
    ["one of 59 minutes ago that ends soon", () => assertion({ claims: { iat: nowS() - 3_540 } })],
    ["one that is signed this second", () => assertion({ claims: { iat: nowS() } })],
  ])("%s", async (_what, make) => {
    expect(await ask(make())).toMatchObject({ status: 200 });
  });

  test("the same assertion twice within its minute: TLS and the minute are the bound", async () => {
    const shown = assertion();
    expect([(await ask(shown)).status, (await ask(shown)).status]).toEqual([200, 200]);
  });
});

describe("none is given for", () => {
  const other = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
  test.each<[string, () => string]>([
    ["another's subject", () => assertion({ claims: { sub: b?.id } })],
    ["another's name, by the own key", () => assertion({ claims: { iss: b?.id, sub: b?.id } })],
    [
      "another's name and key id, signed by the own key",
      () => assertion({ header: { kid: b?.keyId }, claims: { iss: b?.id, sub: b?.id } }),
    ],
    ["another audience", () => assertion({ claims: { aud: "https://elsewhere.example" } })],
    ["one that has ended", () => assertion({ claims: { exp: nowS() - 2 } })],
    ["one of 61 minutes ago", () => assertion({ claims: { iat: nowS() - 3_660 } })],
    ["one that is signed 30 s ahead", () => assertion({ claims: { iat: nowS() + 30 } })],
    ["one without a time", () => assertion({ claims: { iat: undefined } })],
    ["one without an end", () => assertion({ claims: { exp: undefined } })],
    ["one without a signature", () => assertion({ header: { alg: "none" }, signature: () => "" })],
    [
      "one by the public key as a password",
      () =>
        assertion({
          header: { alg: "HS256" },
          signature: (text) =>
            createHmac("sha256", publicPem(a?.key ?? other))
              .update(text)
              .digest("base64url"),
        }),
    ],
    ["one without a key id", () => assertion({ header: { kid: undefined } })],
    ["one by a key that was never there", () => assertion({ header: { kid: "1" } })],
    [
      "one by another key under the right id",
      () => assertion({ signature: (text) => sign("sha256", Buffer.from(text), other).toString("base64url") }),
    ],
    ["a token in its place", () => "e30.e30.e30"],
    ["nothing", () => ""],
  ])("%s", async (_what, make) => {
    const { status } = await ask(make());
    expect([400, 401]).toContain(status);
  });

  test("a key that was removed", async () => {
    const { id = "" } = a ?? {};
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const keyId = await administrator.addKey(id, publicPem(privateKey));
    const by = { id, keyId, key: privateKey };
    await eventually(async () => (await ask(assertion({ by }))).status === 200, { what: "the key counts", timeoutMs: SHOWN_WITHIN_MS });
    await administrator.removeKey(id, keyId);
    await eventually(async () => (await ask(assertion({ by }))).status !== 200, { what: "it does not", timeoutMs: SHOWN_WITHIN_MS });
  });

  test("a user that was deactivated, until it is active again; each said twice", async () => {
    const { id = "" } = b ?? {};
    expect([await administrator.deactivate(id), await administrator.deactivate(id)]).toEqual([true, true]);
    await eventually(async () => (await ask(assertion({ by: b }))).status !== 200, { what: "it is out", timeoutMs: SHOWN_WITHIN_MS });
    expect([await administrator.reactivate(id), await administrator.reactivate(id)]).toEqual([true, true]);
    await eventually(async () => (await ask(assertion({ by: b }))).status === 200, { what: "it is in", timeoutMs: SHOWN_WITHIN_MS });
    expect(await administrator.deactivate(`pi-none-${run}`)).toBe(false);
  });
});

describe("a token", () => {
  const issuer = async (): Promise<Issuer> => ({
    kind: "zitadel",
    issuer: config.url,
    project: config.project,
    organisation: config.organisation,
    jwks: { keys: await fetchKeys(config.url) },
  });

  test("is what the callout takes, and fits the line in which NATS is shown it", async () => {
    const shown = await token(assertion());
    expect(shown.length).toBeLessThanOrEqual(3_500);
    expect(await verifyToken(shown, await issuer(), Date.now())).toMatchObject({ kind: "valid", claims: { device: a?.id } });
  });

  test.each<[string, () => Promise<string>, string]>([
    ["of a user without the role", () => token(assertion({ by: stranger })), "has not the role of a device"],
    [
      "without the scope of roles",
      () => token(assertion(), `openid urn:zitadel:iam:org:project:id:${config.project}:aud`),
      "has not the role",
    ],
    ["without the scope of the project", () => token(assertion(), "openid urn:zitadel:iam:org:projects:roles"), '"aud"'],
  ])("%s lets nobody in", async (_what, make, why) => {
    expect(await verifyToken(await make(), await issuer(), Date.now())).toMatchObject({
      kind: "refused",
      why: expect.stringContaining(why) as unknown,
    });
  });

  test("has the project as audience for whoever asks: that permits nothing", async () => {
    expect(claimsOf(await token(assertion({ by: stranger })))).toContain(`"${config.project}"`);
  });
});

test("what is there already is no failure: a machine, its role, a key that is gone", async () => {
  const { id = "" } = a ?? {};
  await administrator.addMachine(id);
  await administrator.addRole(id);
  await administrator.removeKey(id, "1");
  expect(await administrator.look(`pi-none-${run}`)).toEqual({ keys: [], hasRole: false });
});
