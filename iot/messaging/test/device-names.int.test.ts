// The names under which a device asks and reports: an old agent on the configuration shipped now,
// this agent on the one shipped before, on a server that maps nothing, and behind a leaf node,
// whose hub comes and goes.

import { asDeploymentName, bucketSubjects, type DeviceStatus, type Manifest, ownSubjects } from "@iot/contracts";
import { createLog } from "@harmony/runtime";
import { eventually, freePort, type NatsServer, startNats } from "@iot/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type DesiredStateStore,
  type Messaging,
  openDesiredState,
  openDeviceReader,
  openInventoryStore,
  openStatusStore,
  openStatusWriter,
  type StatusStore,
} from "../src/index.ts";
import { CONFIGS, deviceA, deviceB, type Fleet, type Setup, shippedConfig, silent, startFleet, usersOf } from "./nats-setup.ts";

const signal = AbortSignal.timeout(110_000);
const hello = asDeploymentName("hello");
const score = '{"type":"PodmanV0","data":{"services":[]}}';
const manifest: Manifest = {
  sources: ["test"],
  deployments: { hello: { revision: 1, generation: 1, uid: "u", source: "test", namespace: "n" } },
};
const status = (manifestRevision: number): DeviceStatus => ({
  device: deviceA,
  agentVersion: "1",
  reportedAt: "2026-01-01T00:00:00Z",
  manifestRevision,
  deployments: {},
});
const inventory = { device: deviceA, agentVersion: "1", bootId: "b", architecture: "arm64", capabilities: [], labels: {}, facts: {} };

/** The content of the buckets, written and read by an operator. */
interface Central {
  readonly store: DesiredStateStore;
  readonly statuses: StatusStore;
}

async function openCentral(operator: Messaging): Promise<Central> {
  const store = await openDesiredState(operator, { log: silent });
  const statuses = await openStatusStore(operator, { log: silent });
  await openInventoryStore(operator, { log: silent });
  await store.putScore({ device: deviceA, deployment: hello, scoreString: score, expectedRevision: 0 });
  await store.putManifest({ device: deviceA, manifest, expectedRevision: 0 });
  return { store, statuses };
}

async function statusRevision({ statuses }: Central): Promise<number | null | undefined> {
  const [entry] = await statuses.list(signal);
  return entry?.status.ok === true ? entry.status.value.manifestRevision : undefined;
}

/** Expects that everything a device says and hears goes through, by this agent's own code. */
async function expectAllGoes(device: Messaging, central: Central): Promise<void> {
  const reader = openDeviceReader(device, deviceA);
  const writer = openStatusWriter(device, deviceA);
  const noticed: (number | null)[] = [];
  const ended = new AbortController();
  reader.notices((sequence) => noticed.push(sequence), ended.signal);
  const [first] = await Promise.all([
    reader.readManifest(signal),
    writer.putStatus(status(1), signal),
    writer.putInventory(inventory, signal),
  ]);
  expect(first).toMatchObject({ kind: "found", revision: 2, manifest });
  expect(await reader.readScore({ deployment: hello, revision: 1 }, signal)).toMatchObject({ kind: "found", scoreString: score });
  expect(await statusRevision(central)).toBe(1);
  await central.store.putManifest({ device: deviceA, manifest: { ...manifest, sources: ["later"] }, expectedRevision: 2 });
  await eventually(() => noticed.length > 0, { what: "the change is noticed" });
  expect(await reader.readManifest(signal)).toMatchObject({ kind: "found", revision: 3 });
  expect(noticed).toEqual([3]);
  ended.abort();
}

describe.each<[Setup, "own" | "buckets'"]>([
  ["accounts", "own"],
  ["shared", "own"],
  ["accounts of 0.1", "buckets'"],
  ["shared of 0.1", "buckets'"],
  ["accounts with users of 0.1", "buckets'"],
  ["plain", "buckets'"],
])("against a server set up as %s", (setup, names) => {
  let fleet: Fleet;
  let central: Central;
  let logged: string[];
  beforeEach(async () => {
    fleet = await startFleet(setup);
    central = await openCentral(await fleet.operator());
    logged = [];
  });
  afterEach(async () => {
    await central.store.close();
    await fleet[Symbol.asyncDispose]();
  });

  test(`all goes by the ${names} names, and the log says once when they are not ours`, async () => {
    const log = createLog({ name: "test", format: "text", write: (line) => void logged.push(line) });
    const device = await fleet.device(deviceA, { log });
    await expectAllGoes(device, central);
    let isBack = false;
    device.onReconnect(() => (isBack = true));
    await fleet.nats.restart();
    await eventually(() => isBack, { what: "it is back", timeoutMs: 20_000 });
    await openStatusWriter(device, deviceA).putStatus(status(7), signal);
    expect(await eventually(() => statusRevision(central), { what: "the operator is back", timeoutMs: 20_000 })).toBe(7);
    expect(logged.filter((line) => line.includes("names"))).toHaveLength(names === "own" ? 0 : 1);
    // The log warns of nothing but the restart.
    expect(logged.filter((line) => line.includes(" warn ") && !line.includes("connect"))).toEqual([]);
  });

  test("an agent of 0.1 asks and reports by the buckets' names", async () => {
    const { connection } = await fleet.device(deviceA);
    const old = bucketSubjects(deviceA);
    const noticed: string[] = [];
    connection.subscribe(old.notice, { callback: (_error, message) => void noticed.push(message.headers?.get("Nats-Subject") ?? "") });
    const read = await connection.request(old.manifest, "", { timeout: 2_000 });
    expect([read.headers?.get("Nats-Subject"), read.json()]).toEqual(["$KV.desired-state.dev-a", manifest]);
    expect((await connection.request(old.score(hello), "", { timeout: 2_000 })).string()).toBe(score);
    expect((await connection.request(old.status, JSON.stringify(status(1)), { timeout: 2_000 })).json()).toMatchObject({
      stream: "KV_status",
    });
    expect((await connection.request(old.inventory, "{}", { timeout: 2_000 })).json()).toMatchObject({ stream: "KV_inventory" });
    await central.store.putManifest({ device: deviceA, manifest, expectedRevision: 2 });
    await eventually(() => noticed.length > 0, { what: "the change is noticed" });
    expect(noticed).toEqual(["$KV.desired-state.dev-a"]);
  });
});

test("a server that is given the new configuration, and the old one again, is followed by an agent that runs", async () => {
  await using fleet = await startFleet("accounts of 0.1");
  const central = await openCentral(await fleet.operator());
  const device = await fleet.device(deviceA);
  const reader = openDeviceReader(device, deviceA);
  const writer = openStatusWriter(device, deviceA);
  const noticed: (number | null)[] = [];
  reader.notices((sequence) => noticed.push(sequence), signal);
  expect(await reader.readManifest(signal)).toMatchObject({ kind: "found" });
  let reconnects = 0;
  device.onReconnect(() => (reconnects += 1));
  for (const [round, setup] of (["accounts", "accounts of 0.1"] as const).entries()) {
    await fleet.nats.restart(CONFIGS[setup]());
    await eventually(() => reconnects === round + 1, { what: "it is back", timeoutMs: 20_000 });
    await writer.putStatus(status(round), signal);
    expect(await reader.readManifest(signal)).toMatchObject({ kind: "found" });
    const { manifests } = await eventually(() => central.store.observe(signal), { what: "the operator is back", timeoutMs: 20_000 });
    const expectedRevision = manifests.get(deviceA)?.revision ?? 0;
    await central.store.putManifest({ device: deviceA, manifest, expectedRevision });
    await eventually(() => noticed.includes(expectedRevision + 1), { what: `the change is noticed with ${setup}` });
  }
  await central.store.close();
});

describe("behind a leaf node", () => {
  let hub: NatsServer;
  let leaf: NatsServer;
  let fleet: Fleet;
  let central: Central;
  let device: Messaging;

  beforeEach(async () => {
    const port = await freePort();
    fleet = await startFleet("accounts");
    hub = fleet.nats;
    await hub.restart(`${withSite(shippedConfig())}\nleafnodes { listen: "127.0.0.1:${port}" }`);
    leaf = await startNats({
      jetstream: false,
      config: `accounts { DEVICES { ${usersOf()} } }
leafnodes { reconnect: 1, remotes: [ { url: "nats://site:site-secret@127.0.0.1:${port}", account: DEVICES } ] }`,
    });
    central = await openCentral(await fleet.operator());
    device = await fleet.device(deviceA, { servers: [leaf.url] });
    await untilLinked();
  });
  afterEach(async () => {
    await central.store.close();
    await device.close();
    await leaf.stop();
    await fleet[Symbol.asyncDispose]();
  });

  /** A site's user has the rights of its devices, and no more. */
  function withSite(config: string): string {
    const block = /\n {2}\{\n {4}user: dev-a[\s\S]*?\n {2}\}/.exec(config)?.[0] ?? "";
    return config.replace(block, `${block.replace("user: dev-a", "user: site").replace("dev-a-secret", "site-secret")}${block}`);
  }

  async function untilLinked(): Promise<void> {
    const links = async (): Promise<string> => (await fetch(`${hub.monitorUrl}/leafz`)).text();
    await eventually(async () => /"leafnodes": 1\b/.test(await links()), { what: "the leaf is there" });
  }

  test("manifest, Score, status, inventory and notice go by our own names", async () => {
    await expectAllGoes(device, central);
    await expect(device.connection.request(bucketSubjects(deviceA).manifest, "", { timeout: 1_000 })).rejects.toThrow(/no responders/);
  });

  test("the site speaks for its own devices alone, whoever its own server lets in", async () => {
    const other = await fleet.device(deviceB, { servers: [leaf.url] });
    const { connection } = other;
    const of = ownSubjects(deviceB);
    for (const subject of [of.manifest, of.score(hello), of.status, of.inventory])
      await expect(connection.request(subject, "{}", { timeout: 1_000 })).rejects.toThrow(/no responders|timeout/i);
    expect(await statusRevision(central)).toBeUndefined();
  });

  test("the hub is away and back: reported as no store, found again on the same connection, and what was missed is read", async () => {
    const reader = openDeviceReader(device, deviceA);
    const writer = openStatusWriter(device, deviceA);
    const hints: (number | null)[] = [];
    reader.notices((sequence) => hints.push(sequence), signal);
    expect(await reader.readManifest(signal)).toMatchObject({ kind: "found", revision: 2 });
    await writer.putStatus(status(1), signal);
    const connectedAs = device.connection.info?.client_id;

    await hub.down();
    await eventually(async () => (await reader.readManifest(signal)).kind === "unreadable", {
      what: "the hub is missed",
      timeoutMs: 20_000,
    });
    await expect(writer.putStatus(status(2), signal)).rejects.toMatchObject({ code: "NoStore" });
    await hub.start();
    await eventually(() => writer.putStatus(status(3), signal).then(() => true), { what: "a status is taken again", timeoutMs: 30_000 });
    expect(hints).toEqual([null]);
    expect(await reader.readManifest(signal)).toMatchObject({ kind: "found", revision: 2 });
    await eventually(async () => (await statusRevision(central)) === 3, { what: "the operator has it", timeoutMs: 20_000 });
    const expected = (await central.store.observe(signal)).manifests.get(deviceA)?.revision ?? 0;
    await central.store.putManifest({ device: deviceA, manifest, expectedRevision: expected });
    await eventually(() => hints.length === 2, { what: "notices come again" });
    expect(hints).toEqual([null, expected + 1]);
    expect(device.connection.info?.client_id).toBe(connectedAs);
  });

  test("a device that connects while the hub is away is not left with names that never cross", async () => {
    await hub.down();
    const late = await fleet.device(deviceA, { servers: [leaf.url] });
    const reader = openDeviceReader(late, deviceA);
    const hints: (number | null)[] = [];
    reader.notices((sequence) => hints.push(sequence), signal);
    expect(await eventually(() => reader.readManifest(signal), { what: "an answer" })).toMatchObject({ kind: "unreadable" });
    await hub.start();
    await eventually(async () => (await reader.readManifest(signal)).kind === "found", { what: "it reads", timeoutMs: 30_000 });
    const expected = (await eventually(() => central.store.observe(signal), { timeoutMs: 20_000 })).manifests.get(deviceA)?.revision ?? 0;
    await central.store.putManifest({ device: deviceA, manifest, expectedRevision: expected });
    await eventually(() => hints.includes(expected + 1), { what: "notices come" });
  });
});
