// A device of a site reaches the central part through a leaf node of its own. Its connection stays
// while the way onwards is cut, so only the answers that come again show it what it missed.

import { readFile } from "node:fs/promises";
import { eventually, freePort, type NatsServer, type Relay, startNats, startRelay } from "@iot/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Central } from "./central.ts";
import { type FileDevice, fileScore, makeFileDevice } from "./file-agent.ts";

process.env["NATS_OPERATOR_PASSWORD"] = "operator";

let hub: NatsServer;
let way: Relay;
let leaf: NatsServer;
let central: Central;
let device: FileDevice;

beforeEach(async () => {
  const port = await freePort();
  const shipped = await readFile(new URL("../../deploy/nats/nats.conf", import.meta.url), "utf8");
  const site = "users: [ { user: site, password: site } ]";
  const accounts = shipped.replace(/^listen: .*$/m, "no_auth_user: operator").replace(/include \.\/devices\.conf.*/, site);
  hub = await startNats({ config: `${accounts}\nleafnodes { listen: "127.0.0.1:${port}" }` });
  way = await startRelay({ target: { port } });
  const remote = `{ url: "nats://site:site@127.0.0.1:${way.port}" }`;
  leaf = await startNats({ jetstream: false, config: `leafnodes { reconnect: 1, remotes: [ ${remote} ] }` });
  central = await Central.connect(hub.url);
  device = await makeFileDevice();
});
afterEach(async () => {
  await device[Symbol.asyncDispose]();
  await central.close();
  for (const server of [leaf, way, hub]) await server[Symbol.asyncDispose]();
});

test("what was pushed while the way was cut is there soon after it is back, and meanwhile what runs stays", async () => {
  device.start(leaf.url);
  const holds = (content: string): Promise<true> =>
    eventually(async () => (await device.content("hello")) === content, { what: `it holds ${content}`, timeoutMs: 30_000 });
  await central.apply({ hello: fileScore("one") });
  await holds("one");
  await central.untilStatus("it runs", ({ deployments }) => deployments["hello"]?.phase === "Running");

  await way.down();
  const links = async (): Promise<string> => (await fetch(`${hub.monitorUrl}/leafz`)).text();
  await eventually(async () => /"leafnodes": 0\b/.test(await links()), { what: "the hub has lost the site" });
  const { hello: second } = await central.apply({ hello: fileScore("two") });
  expect(await device.content("hello")).toBe("one");
  await way.listen();
  await holds("two");
  await central.untilStatus("it says so", ({ deployments }) => deployments["hello"]?.runningRevision === second);
});
