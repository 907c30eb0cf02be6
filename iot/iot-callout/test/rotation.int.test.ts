// The callout's keys are replaced while devices are connected: three servers in a cluster are
// restarted one after another with the halves of the next pair, beside callouts that hold both. A
// login is answered by the pair that the asking server names; one that a callout did not hear,
// because its own server went, is made again.

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createLog } from "@harmony/runtime";
import { type Grant, type Issuer, makeDeviceKey, signToken } from "@iot/identity";
import { connectMessaging, fixedCredentials, type Messaging, openDocumentStore } from "@iot/messaging";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import {
  eventually,
  freePort,
  IDENTITY_PASSWORDS,
  makeTestCertificate,
  type NatsServer,
  natsIdentitiesConfig,
  startNats,
  type TestCertificate,
} from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Callout, type CalloutKeys, makeKeys, type PublicHalves, startCallout } from "../src/index.ts";

const signal = AbortSignal.timeout(110_000);
const stack = new AsyncDisposableStack();
const HERE = "IP:127.0.0.1,DNS:localhost";
const place = { issuer: "https://enrol.example", project: "iot", organisation: "standalone" };
const grant: Grant = { state: "approved", capabilities: ["desired-state", "status", "inventory"] };
const [present, next] = [makeKeys(), makeKeys()];
const lines: string[] = [];
const log = createLog({ name: "callout", format: "json", write: (line) => void lines.push(line) });

let servers: NatsServer[];
let configs: ((halves: PublicHalves) => string)[];
let key: KeyObject;
let connected: NatsConnection[];
let callouts: Callout[] = [];

beforeAll(async () => {
  const ports = await Promise.all([0, 1, 2].map(() => freePort()));
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(", ");
  configs = ports.map(
    (port, index) => (halves) =>
      `${natsIdentitiesConfig(halves, { loginTimeoutS: 5 })}
server_name: n${index}
cluster { name: c, listen: "127.0.0.1:${port}", routes: [${routes}], no_advertise: true }
`,
  );
  servers = await Promise.all(configs.map((config) => startNats({ config: config(present.publicHalves) })));
  for (const server of servers) stack.use(server);
  key = createPrivateKey(await makeDeviceKey());
  const grants = await openDocumentStore(await as("enrolment"), { bucket: "grants", replicas: 3, log, signal });
  stack.defer(() => grants.close());
  for (const [name, document] of documents()) await grants.put(name, document, 0);
  await useCallouts(present.keys);
  connected = await Promise.all(["dev-a", "dev-b", "dev-c"].map((device, index) => login(device, servers[index]?.url ?? "", true)));
  for (const connection of connected) stack.defer(() => connection.close());
});
afterAll(async () => {
  for (const callout of callouts) await callout.close();
  await stack.disposeAsync();
});

async function as(user: "callout" | "enrolment") {
  const credentials = fixedCredentials({ user, pass: IDENTITY_PASSWORDS[user] });
  const messaging = await connectMessaging({ servers: servers.map(({ url }) => url), name: user, credentials, log, signal });
  stack.defer(() => messaging.close());
  return messaging;
}

function documents(): readonly (readonly [string, object])[] {
  const { n = "", e = "" } = createPublicKey(key).export({ format: "jwk" });
  const issuer: Issuer = { ...place, jwks: { keys: [{ kty: "RSA", n, e, kid: "k1", alg: "RS256", use: "sig" }] } };
  return [["_issuer", issuer], ...["dev-a", "dev-b", "dev-c"].map((device) => [device, grant] as const)];
}

function tokenOf(device: string): Promise<string> {
  return signToken(key, { subject: device, role: "device", issuer: place, keyId: "k1", nowMs: Date.now(), lifeS: 3_600 });
}

/** Two, one after the other in the place of those that are there. */
async function useCallouts(keys: CalloutKeys): Promise<void> {
  const before = callouts;
  callouts = [];
  for (const index of [0, 1]) {
    callouts.push(await startCallout({ messaging: await as("callout"), keys, log, signal }));
    await before[index]?.close();
  }
}

async function login(device: string, server: string, isStaying = false): Promise<NatsConnection> {
  const pass = await tokenOf(device);
  const all = isStaying ? servers.map(({ url }) => url) : [server];
  const again = isStaying ? { maxReconnectAttempts: -1, reconnectTimeWait: 50 } : { reconnect: false };
  return connect({ servers: all, user: device, pass, inboxPrefix: `_INBOX_${device}`, timeout: 10_000, noAsyncTraces: true, ...again });
}

async function expectLogin(server: NatsServer | undefined): Promise<void> {
  const connection = await login("dev-a", server?.url ?? "");
  await connection.close();
}

test("servers take the next pair one after another, and a device comes in meanwhile", async () => {
  await useCallouts({ ...present.keys, next: next.keys });
  for (const [index, server] of servers.entries()) {
    await server.down();
    const others = servers.filter((each) => each !== server);
    for (const other of others)
      await eventually(() => expectLogin(other).then(() => true), { what: "another server lets it in", timeoutMs: 20_000 });
    await server.start(configs[index]?.(next.publicHalves));
    for (const each of servers)
      await eventually(() => expectLogin(each).then(() => true), { what: `server ${index} is back`, timeoutMs: 20_000 });
  }
  await useCallouts(next.keys);
  for (const server of servers) await expectLogin(server);
  await eventually(async () => (await Promise.all(connected.map((connection) => connection.rtt()))).length === 3, {
    what: "the devices that were connected are, without having been asked for anything",
    timeoutMs: 20_000,
  });
  expect(lines.filter((line) => line.includes("cannot be read"))).toEqual([]);
});

test("a callout that has the next pair alone says what is wrong, when a server still has the one before", async () => {
  const [first] = servers;
  await first?.restart(configs[0]?.(present.publicHalves));
  await expect(expectLogin(first)).rejects.toThrow(/timeout|authorization|closed/i);
  expect(lines.join("\n")).toContain("the request is not encrypted for this callout's xkey: nats.conf names another");
});

test("the certificate of NATS, and its authority: a device that knows both authorities is back at once", async () => {
  await using stackOfTls = new AsyncDisposableStack();
  const [first, second] = [stackOfTls.use(await makeTestCertificate(HERE)), stackOfTls.use(await makeTestCertificate(HERE))];
  const tls = ({ cert, key: keyFile }: TestCertificate): string => `\ntls { cert_file: "${cert}", key_file: "${keyFile}" }\n`;
  const config = natsIdentitiesConfig(present.publicHalves, { loginTimeoutS: 5 });
  const server = stackOfTls.use(await startNats({ config: config + tls(first) }));
  const ca = (await Promise.all([first, second].map((each) => readFile(each.ca, "utf8")))).join("\n");
  const caFile = `${first.ca}.both`;
  await writeFile(caFile, ca);
  const over = async (user: "callout" | "enrolment"): Promise<Messaging> => {
    const credentials = fixedCredentials({ user, pass: IDENTITY_PASSWORDS[user] });
    const messaging = await connectMessaging({
      servers: [server.url.replace("nats:", "tls:")],
      name: user,
      credentials,
      caFile,
      log,
      signal,
    });
    stackOfTls.defer(() => messaging.close());
    return messaging;
  };
  const grants = await openDocumentStore(await over("enrolment"), { bucket: "grants", log, signal });
  stackOfTls.defer(() => grants.close());
  for (const [name, document] of documents()) await grants.put(name, document, 0);
  const callout = await startCallout({ messaging: await over("callout"), keys: present.keys, log, signal });
  stackOfTls.defer(() => callout.close());
  const device = await connect({
    servers: server.url.replace("nats:", "tls:"),
    user: "dev-a",
    pass: await tokenOf("dev-a"),
    tls: { ca },
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  });
  await server.reload(config + tls(second));
  await eventually(
    async () =>
      (await connect({ servers: server.url, user: "dev-a", pass: await tokenOf("dev-a"), tls: { caFile: second.ca }, reconnect: false }))
        .close()
        .then(() => true),
    { what: "the next certificate is shown" },
  );
  // A reload ends the connections of users that are in no file, whatever has changed.
  await eventually(async () => (await device.rtt()) > 0, { what: "the device is back, by what it has", timeoutMs: 20_000 });
  await device.close();
});
