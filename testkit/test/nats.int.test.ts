// The NATS server of the testkit starts with JetStream, survives a kill with its store, and refuses
// nothing.

import { connect } from "node:net";
import { expect, test } from "vitest";
import { startNats } from "../src/index.ts";

test("a server starts with JetStream, and again after a kill on the same port", async () => {
  await using nats = await startNats();
  expect(await greeting(nats.port)).toContain('"jetstream":true');
  await nats.kill();
  await nats.start();
  expect(await greeting(nats.port)).toContain('"jetstream":true');
});

test("two servers run beside each other", async () => {
  await using first = await startNats();
  await using second = await startNats();
  expect(first.port).not.toBe(second.port);
});

test("a configuration that names another store is run with the test's own", async () => {
  await using nats = await startNats({ config: 'jetstream {\n  store_dir: "/nowhere"\n  sync_interval: always\n}' });
  expect(await (await fetch(`${nats.monitorUrl}/jsz`)).json()).toMatchObject({ config: { store_dir: `${nats.storeDir}/jetstream` } });
});

test("a configuration that is wrong is reported with the server's own words", async () => {
  await expect(startNats({ config: "accounts { oops" })).rejects.toThrow(/failed to start nats-server[\s\S]*Parse error/);
});

function greeting(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(port, "127.0.0.1");
  socket.once("data", (chunk) => {
    resolve(chunk.toString());
    socket.destroy();
  });
  socket.once("error", reject);
  return promise;
}
