// A server that takes connections and says nothing, or says it too late: a client never has two
// sockets there at once, leaves none behind, and comes ever more seldom.

import { createServer, type Socket } from "node:net";
import { eventually, freePort, makeTestCertificate, startNats, startRelay } from "@iot/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectMessaging } from "../src/index.ts";
import { silent } from "./nats-setup.ts";

const signal = AbortSignal.timeout(100_000);

/**
 * `greet` is sent to each who comes; empty: nothing. A dial of the client lasts longer than
 * `closedWithinMs`.
 */
async function startSlowServer({ greet = "", port = 0, closedWithinMs = 150 } = {}) {
  const open = new Set<Socket>();
  const seen = { dials: 0, alone: new Array<Promise<unknown>>(), open: () => open.size, port: 0 };
  const server = createServer((socket) => {
    open.add(socket);
    seen.dials += 1;
    // The end of a socket and the next dial may reach this server in one turn, the dial first.
    seen.alone.push(eventually(() => open.size <= 1, { what: "the socket before is closed", timeoutMs: closedWithinMs }));
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
    socket.resume();
    if (greet !== "") socket.write(greet);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(port, "127.0.0.1", resolve);
  await promise;
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = server.address();
  seen.port = typeof address === "object" && address !== null ? address.port : 0;
  return seen;
}

const INFO = `INFO {"server_id":"slow","version":"2.11.0","proto":1,"max_payload":1048576}\r\n`;
const INFO_TLS = INFO.replace("}", `,"tls_required":true}`);

describe.each([
  ["says nothing", ""],
  ["says who it is, and no more", INFO],
  ["asks for TLS, and no more", INFO_TLS],
])("a server that %s", (_what, greet) => {
  test("a first connection that has no answer closes its socket, one at a time", { timeout: 30_000 }, async () => {
    const server = await startSlowServer({ greet });
    const stop = new AbortController();
    const options = { name: "test", log: silent, signal: stop.signal, timeoutMs: 200 };
    const connecting = connectMessaging({ servers: [`nats://127.0.0.1:${server.port}`], ...options });
    connecting.catch(() => undefined);
    await eventually(() => server.dials >= 3, { what: "it has dialled three times", timeoutMs: 20_000 });
    await Promise.all(server.alone);
    stop.abort(new Error("enough"));
    await expect(connecting).rejects.toThrow("enough");
    await eventually(() => server.open() === 0, { what: "no socket is open" });
  });

  test("giving up closes the socket at once, and dials no other server", async () => {
    const server = await startSlowServer({ greet });
    const stop = new AbortController();
    const servers = [`nats://127.0.0.1:${server.port}`, `nats://localhost:${server.port}`];
    const connecting = connectMessaging({ servers, name: "test", log: silent, signal: stop.signal, timeoutMs: 60_000 });
    connecting.catch(() => undefined);
    await eventually(() => server.open() === 1, { what: "it has dialled" });
    stop.abort(new Error("enough"));
    await expect(connecting).rejects.toThrow("enough");
    await eventually(() => server.open() === 0, { what: "its socket is closed" });
    expect(server.dials).toBe(1);
  });
});

test("a lost connection to a server that has become slow is dialled by one at a time, and closing leaves nothing", async () => {
  const port = await freePort();
  const nats = await startNats({ port });
  onTestFinished(() => nats.stop());
  const servers = [`nats://127.0.0.1:${port}`];
  const messaging = await connectMessaging({ servers, name: "test", log: silent, signal, timeoutMs: 3_000 });
  await nats.kill();
  const slow = await startSlowServer({ port, closedWithinMs: 1_500 });
  await eventually(() => slow.dials >= 3, { what: "it has dialled three times", timeoutMs: 40_000 });
  await Promise.all(slow.alone);
  expect(messaging.state()).toMatchObject({ kind: "disconnected", reason: "NoAnswer" });
  await messaging.close();
  await eventually(() => slow.open() === 0, { what: "no socket is open" });
}, 60_000);

test("it comes back when the server answers again, also by TLS", { timeout: 60_000 }, async () => {
  await using certificate = await makeTestCertificate();
  await using nats = await startNats({ config: `tls { cert_file: "${certificate.cert}", key_file: "${certificate.key}" }` });
  await using relay = await startRelay({ target: { port: nats.port } });
  const servers = [`nats://127.0.0.1:${relay.port}`];
  const options = { name: "test", log: silent, signal, caFile: certificate.ca, timeoutMs: 1_000, pingIntervalMs: 300 };
  const messaging = await connectMessaging({ servers, ...options });
  relay.freeze();
  await eventually(() => messaging.state().kind === "disconnected" && messaging.state().message.includes("no answer"), {
    what: "the silence is reported",
    timeoutMs: 20_000,
  });
  relay.resume();
  await eventually(() => messaging.state().kind === "connected", { what: "it is back", timeoutMs: 20_000 });
  await messaging.close();
});
