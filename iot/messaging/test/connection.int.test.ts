// The connection against a real server and a relay that breaks it: each reason has its own
// sentence, and whatever breaks is found.

import { cp } from "node:fs/promises";
import { createServer } from "node:net";
import { eventually, freePort, makeTestCertificate, startNats, startRelay, type TestCertificate } from "@iot/testkit";
import { describe, expect, test } from "vitest";
import {
  type ConnectionState,
  connectMessaging,
  type ConnectOptions,
  fixedCredentials,
  openDeviceReader,
  openStatusWriter,
} from "../src/index.ts";
import { containing, deviceA, shippedConfig, silent, startFleet } from "./nats-setup.ts";

const signal = AbortSignal.timeout(100_000);
const status = {
  device: deviceA,
  agentVersion: "1",
  bootId: "b",
  reportedAt: "2026-01-01T00:00:00Z",
  manifestRevision: 1,
  deployments: {},
};

async function firstState(options: Partial<ConnectOptions> & Pick<ConnectOptions, "servers">): Promise<ConnectionState> {
  const stop = new AbortController();
  const { promise, resolve } = Promise.withResolvers<ConnectionState>();
  const onState = (state: ConnectionState): void => void (state.kind === "connecting" || resolve(state));
  const connecting = connectMessaging({ name: "test", log: silent, signal: stop.signal, onState, ...options });
  const state = await promise;
  stop.abort(new Error("seen enough"));
  await expect(connecting).rejects.toThrow("seen enough");
  return state;
}

describe("a first connection that fails says why", () => {
  test("nothing listens", async () => {
    const port = await freePort();
    expect(await firstState({ servers: [`nats://127.0.0.1:${port}`] })).toMatchObject({
      kind: "disconnected",
      server: `127.0.0.1:${port}`,
      reason: "Refused",
      message: `cannot connect to NATS at 127.0.0.1:${port}: the connection is refused: that machine is there, nothing listens on the port; start nats-server there, or put the port right`,
    });
  });

  // The name server of this machine decides which of the two it is; the simulated device has each
  // (e2e/).
  test("the name is not found, or nobody is there to find it", async () => {
    const state = await firstState({ servers: ["nats://no-such-host.invalid:4222"] });
    expect(state).toMatchObject({ kind: "disconnected", message: containing('"no-such-host.invalid"') });
    expect(state).toMatchObject({ reason: expect.stringMatching(/^Name(NotFound|ServerDown)$/) as unknown });
  });

  test("the password is wrong, or there is none", async () => {
    await using nats = await startNats({ config: shippedConfig() });
    const wrong = await firstState({ servers: [nats.url], credentials: fixedCredentials({ user: "dev-a", pass: "not-it" }) });
    expect(wrong).toMatchObject({
      reason: "WrongCredentials",
      message: containing('the server refuses the user "dev-a" or its password'),
    });
    expect(JSON.stringify(wrong)).not.toContain("not-it");
    const none = await firstState({ servers: [nats.url] });
    expect(none).toMatchObject({ reason: "WrongCredentials", message: containing("the server wants a user and a password") });
  });

  test("nobody answers", async () => {
    const mute = createServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    mute.listen(0, "127.0.0.1", resolve);
    await promise;
    const address = mute.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const state = await firstState({ servers: [`nats://127.0.0.1:${port}`], timeoutMs: 300 });
    expect(state).toMatchObject({ reason: "NoAnswer", message: containing("no answer") });
    mute.close();
  });
});

test("a server that comes later is found, and the wait was reported once a reason", async () => {
  const port = await freePort();
  const states: ConnectionState[] = [];
  const connecting = connectMessaging({
    servers: [`nats://127.0.0.1:${port}`],
    name: "test",
    log: silent,
    signal,
    onState: (state) => states.push(state),
  });
  await eventually(() => states.length === 2, { what: "it is refused" });
  await using _nats = await startNats({ port });
  const messaging = await connecting;
  expect(states.map(({ kind }) => kind)).toEqual(["connecting", "disconnected", "connected"]);
  await messaging.close();
});

test("a restart of the server is one reconnect; meanwhile requests fail at once and say so", async () => {
  await using fleet = await startFleet("plain");
  const states: ConnectionState[] = [];
  const messaging = await fleet.device(deviceA, { onState: (state) => states.push(state) });
  let reconnects = 0;
  messaging.onReconnect(() => (reconnects += 1));
  await fleet.nats.down();
  await eventually(() => messaging.state().kind === "disconnected", { what: "the loss is seen" });
  const startedMs = performance.now();
  expect(await openDeviceReader(messaging, deviceA).readManifest(signal)).toMatchObject({ kind: "unreadable", reason: "NotConnected" });
  await expect(openStatusWriter(messaging, deviceA).putStatus(status, signal)).rejects.toMatchObject({
    code: "NotConnected",
    retry: "backoff",
  });
  // Each of them would wait five seconds for its answer.
  expect(performance.now() - startedMs).toBeLessThan(4_000);
  await eventually(() => states.some((state) => state.kind === "disconnected" && state.reason === "Refused"), {
    what: "the reason is found out while it tries again",
    timeoutMs: 15_000,
  });
  await fleet.nats.start();
  await eventually(() => reconnects > 0, { what: "it is back", timeoutMs: 20_000 });
  expect(messaging.state().kind).toBe("connected");
  expect(reconnects).toBe(1);
});

test("a user that is taken away and given back", async () => {
  await using fleet = await startFleet("accounts");
  const states: ConnectionState[] = [];
  const messaging = await fleet.device(deviceA, { onState: (state) => states.push(state) });
  await fleet.nats.reload(shippedConfig(["dev-b"]));
  await eventually(() => states.some((state) => state.kind === "disconnected" && state.reason === "WrongCredentials"), {
    what: "the refusal is reported",
    timeoutMs: 20_000,
  });
  await fleet.nats.reload(shippedConfig());
  await eventually(() => messaging.state().kind === "connected", { what: "it is back", timeoutMs: 20_000 });
});

describe("a connection that is open and silent is found by pings", () => {
  const pings = { pingIntervalMs: 300, timeoutMs: 2_000 };
  const found = { what: "the silence is found", timeoutMs: 8_000 };
  const back = { what: "it is back", timeoutMs: 20_000 };

  test("when the network swallows everything", async () => {
    await using nats = await startNats();
    await using relay = await startRelay({ target: { port: nats.port } });
    const servers = [`nats://127.0.0.1:${relay.port}`];
    const messaging = await connectMessaging({ servers, name: "test", log: silent, signal, ...pings });
    relay.freeze();
    await eventually(() => messaging.state().kind === "disconnected", found);
    relay.resume();
    await eventually(() => messaging.state().kind === "connected", back);
    await messaging.close();
  });

  test("by a write that is not answered, however seldom it pings", { timeout: 40_000 }, async () => {
    await using nats = await startNats();
    await using relay = await startRelay({ target: { port: nats.port } });
    const servers = [`nats://127.0.0.1:${relay.port}`];
    const messaging = await connectMessaging({ servers, name: "test", device: deviceA, log: silent, signal, pingIntervalMs: 3_600_000 });
    relay.freeze();
    await expect(openDeviceReader(messaging, deviceA).readManifest(signal)).resolves.toMatchObject({ reason: "Timeout" });
    await eventually(() => messaging.state().kind === "disconnected", found);
    relay.resume();
    await eventually(() => messaging.state().kind === "connected", back);
    await messaging.close();
  });

  test("when the server stands still and the socket's buffer is full", async () => {
    await using nats = await startNats();
    const messaging = await connectMessaging({ servers: [nats.url], name: "test", log: silent, signal, ...pings });
    process.kill(nats.pid, "SIGSTOP");
    for (let sent = 0; sent < 64; sent++) messaging.connection.publish("fill", new Uint8Array(1_000_000));
    await eventually(() => messaging.state().kind === "disconnected", found);
    process.kill(nats.pid, "SIGCONT");
    await eventually(() => messaging.state().kind === "connected", back);
    await messaging.close();
  });
});

test("closing while disconnected leaves nothing behind", async () => {
  await using fleet = await startFleet("plain");
  const messaging = await fleet.device(deviceA);
  await fleet.nats.down();
  await eventually(() => messaging.state().kind === "disconnected", { what: "the loss is seen" });
  await messaging.close();
  await fleet.nats.start();
  const response: unknown = await (await fetch(`${fleet.nats.monitorUrl}/connz`)).json();
  expect(response).toMatchObject({ num_connections: 0 });
});

describe("TLS", () => {
  const secured = ({ cert, key }: TestCertificate): string => `tls { cert_file: "${cert}", key_file: "${key}" }`;

  test.each([
    ["is offered, by a certificate that nobody here knows", "ca_file in [nats], or NATS_CA"],
    ["is not offered", "the server does not offer TLS"],
  ])("%s", async (what, says) => {
    await using certificate = await makeTestCertificate();
    await using nats = await startNats({ config: what === "is not offered" ? "" : secured(certificate) });
    const state = await firstState({ servers: [nats.url.replace("nats://", "tls://")] });
    expect(state).toMatchObject({ reason: "Tls", message: containing(says) });
  });

  test("whoever signed it is known: connected, and again after a restart, by the certificate of then", async () => {
    await using before = await makeTestCertificate();
    await using after = await makeTestCertificate();
    await using nats = await startNats({ config: secured(before) });
    const messaging = await connectMessaging({ servers: [nats.url], caFile: before.ca, name: "test", log: silent, signal });
    expect(messaging.connection.info?.tls_required).toBe(true);
    let reconnects = 0;
    messaging.onReconnect(() => (reconnects += 1));
    await cp(after.ca, before.ca);
    await nats.down();
    await nats.start(secured(after));
    await eventually(() => reconnects === 1 || Promise.reject(new Error(messaging.state().message)), {
      what: "connected by the new certificate",
      timeoutMs: 20_000,
    });
    await messaging.connection.flush();
    await messaging.close();
  });

  test("the server is given by its name, which the certificate has", async () => {
    await using certificate = await makeTestCertificate("DNS:localhost");
    await using nats = await startNats({ config: secured(certificate) });
    const servers = [nats.url.replace("127.0.0.1", "localhost")];
    const messaging = await connectMessaging({ servers, caFile: certificate.ca, name: "test", log: silent, signal });
    expect(messaging.connection.info?.tls_required).toBe(true);
    await messaging.close();
  });

  test("another has signed it, it is of another name, nobody offers one, or the file is not there: each is reported", async () => {
    await using certificate = await makeTestCertificate();
    await using other = await makeTestCertificate("DNS:localhost,IP:127.0.0.9");
    await using nats = await startNats({ config: secured(certificate) });
    await using misnamed = await startNats({ config: secured(other) });
    await using plain = await startNats();
    const nowhere = `${certificate.ca}.gone`;
    const said = [
      [nats, other.ca, "not known here (UNABLE_TO_VERIFY_LEAF_SIGNATURE)"],
      [misnamed, other.ca, "IP: 127.0.0.1 is not in the cert's list"],
      [plain, certificate.ca, "the server does not offer TLS"],
      [nats, nowhere, `${nowhere} doesn't exist; put the file there`],
    ] as const;
    for (const [{ url }, caFile, says] of said)
      expect(await firstState({ servers: [url], caFile })).toMatchObject({ reason: "Tls", message: containing(says) });
  });
});
