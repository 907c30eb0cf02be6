// The relay of the testkit: each of its faults, seen from both ends of a TCP connection.

import { once } from "node:events";
import { type Server, type Socket, connect, createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Relay, eventually, startRelay } from "../src/index.ts";

let echo: Server;
let relay: Relay;
let client: Socket;
let received = "";

beforeEach(async () => {
  echo = createServer((socket) => socket.on("error", () => undefined).pipe(socket));
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const address = echo.address();
  relay = await startRelay({ target: { port: typeof address === "object" && address !== null ? address.port : 0 } });
  client = await open();
});
afterEach(async () => {
  client.destroy();
  await relay.stop();
  echo.close();
});

test("forwards both ways and counts", async () => {
  client.write("hello");
  await eventually(() => received === "hello");
  expect(relay.bytes).toEqual({ up: 5, down: 5 });
});

test("a delay holds each way, and keeps the order", async () => {
  relay.setDelay(60);
  const startedAt = performance.now();
  client.write("a");
  client.write("b");
  await eventually(() => received === "ab");
  expect(performance.now() - startedAt).toBeGreaterThan(115);
});

test("frozen, nothing arrives and nothing is closed; resumed, the connection is closed and new ones work", async () => {
  relay.freeze();
  client.write("lost");
  await expect(eventually(() => received !== "" || client.closed, { timeoutMs: 300 })).rejects.toThrow(/not within 300 ms/);
  relay.resume();
  await eventually(() => client.closed);
  client = await open();
  client.write("again");
  await eventually(() => received === "again");
});

test("a cut is seen by the client, and down refuses new connections until it listens again", async () => {
  relay.cut();
  await eventually(() => client.closed);
  await relay.down();
  await expect(open()).rejects.toThrow(/ECONNREFUSED/);
  await relay.listen();
  client = await open();
});

async function open(): Promise<Socket> {
  received = "";
  const socket = connect(relay.port, "127.0.0.1");
  socket.setEncoding("utf8").on("data", (text: string) => (received += text));
  await once(socket, "connect");
  socket.on("error", () => undefined);
  return socket;
}
