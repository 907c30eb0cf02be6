// One device sends a status that no reader can bear, in a bucket that takes it. It is reported as
// unreadable, and all others are heard as before, by a reader that listens already and by one that
// begins while it lies there.

import { asDeviceId, BUCKETS, type DeviceStatus } from "@iot/contracts";
import { jetstreamManager } from "@nats-io/jetstream";
import { eventually } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { streamConfig } from "../src/buckets/bucket-settings.ts";
import {
  type DesiredStateStore,
  type Messaging,
  openDesiredState,
  openInventoryStore,
  openStatusStore,
  openStatusWriter,
  type StatusEntry,
} from "../src/index.ts";
import { deviceA, deviceB, type Fleet, silent, startFleet } from "./nats-setup.ts";

const services = `{"services":[${"{},".repeat(84_999)}{}]}`;
const hostile: [string, string, RegExp][] = [
  ["255 KB of 85,000 empty services", services, /^has 250 KiB, more than the 64 KiB that are read$/],
  ["a depth of 100,000", "[".repeat(100_000) + "]".repeat(100_000), /^has 196 KiB, more than/],
  ["20,000 empty services, in what may be read", `{"services":[${"{},".repeat(19_999)}{}]}`, /^has more than 10,000 values$/],
  ["a depth of 30,000, in what may be read", "[".repeat(30_000) + "]".repeat(30_000), /^is nested deeper than 16$/],
  [
    "names that every object has",
    '{"device":"dev-a","agentVersion":"","reportedAt":"","manifestRevision":null,"__proto__":7,"constructor":7,"deployments":"toString"}',
    /^expected a map, found "toString"$/,
  ],
];
const statusOf = (device: string, reportedAt: string): DeviceStatus => ({
  device,
  agentVersion: "1",
  reportedAt,
  manifestRevision: null,
  deployments: {},
});
const signal = AbortSignal.timeout(100_000);

let fleet: Fleet;
let operator: Messaging;
let desired: DesiredStateStore;

beforeAll(async () => {
  fleet = await startFleet("plain");
  operator = await fleet.operator();
  const jsm = await jetstreamManager(operator.connection);
  for (const bucket of ["status", "inventory", "desired-state"] as const) {
    await jsm.streams.add({ ...streamConfig(bucket, 1), description: "made by hand", max_msg_size: -1 });
  }
  desired = await openDesiredState(operator, { log: silent });
});
afterAll(async () => {
  await desired.close();
  await fleet[Symbol.asyncDispose]();
});

async function put(subject: string, data: string | Uint8Array): Promise<void> {
  await operator.connection.request(subject, data, { timeout: 5_000 });
}

describe.each(hostile)("%s", (what, data, says) => {
  test("as a status", async () => {
    const heard = new Map<string, StatusEntry["status"]>();
    const ended = new AbortController();
    const store = await openStatusStore(operator, { log: silent, keepsLimits: true });
    await store.watch(({ device, status }) => heard.set(device, status), ended.signal);
    const writer = openStatusWriter(operator, deviceB);
    await put("$KV.status.dev-a", data);
    await writer.putStatus(statusOf("dev-b", `after ${what}`), signal);
    await eventually(() => isHeard(heard.get("dev-b"), `after ${what}`), { what: "the other device is heard" });
    const bad = heard.get("dev-a");
    expect(bad?.ok === false && bad.issues.map(({ message }) => message).join()).toMatch(says);
    expect(store.problem()).toBeNull();

    const late = await openStatusStore(operator, { log: silent });
    const listed = new Map((await late.list(signal)).map(({ device, status }) => [device, status.ok]));
    expect([listed.get(deviceA), listed.get(deviceB)]).toEqual([false, true]);
    ended.abort();
  });

  test("as an inventory, a manifest and a Score", async () => {
    await put("$KV.inventory.dev-a", data);
    await put("$KV.desired-state.dev-a", data);
    await put("$KV.desired-state.dev-a.hello", data);
    const sequence = await desired.putManifest({
      device: asDeviceId(`dev-${data.length}`),
      manifest: { sources: ["test"], deployments: {} },
      expectedRevision: 0,
    });
    expect(sequence.ok).toBe(true);
    const { manifests, scores } = await desired.observe(signal);
    expect(manifests.get(deviceA)?.manifest.ok).toBe(false);
    expect(manifests.get(asDeviceId(`dev-${data.length}`))?.manifest.ok).toBe(true);
    expect(scores.get("dev-a.hello")?.scoreString).toBe(data);
    expect(desired.problem()).toBeNull();
    const inventories = await (await openInventoryStore(operator, { log: silent })).list(signal);
    expect(inventories).toMatchObject([{ device: deviceA, inventory: { ok: false } }]);
  });
});

function isHeard(status: StatusEntry["status"] | undefined, reportedAt: string): Promise<boolean> {
  return Promise.resolve(status?.ok === true && status.value.reportedAt === reportedAt);
}

test("a store that is cut off says so, once it has been for a while", async () => {
  await using other = await startFleet("plain");
  const messaging = await other.operator();
  const store = await openStatusStore(messaging, { log: silent });
  expect(store.problem()).toBeNull();
  const ended = new AbortController();
  await store.watch(() => undefined, ended.signal);
  expect(store.problem()).toBeNull();
  await other.nats.stop();
  await eventually(() => Promise.resolve(store.problem() !== null), { what: "it is reported", timeoutMs: 30_000 });
  expect(store.problem()).toMatch(/^bucket "status" has not been followed for \d+ s$/);
  ended.abort();
});

test("a limit that the server keeps: larger words are refused, and the sender gets an error", async () => {
  await using other = await startFleet("plain");
  const messaging = await other.operator();
  await openStatusStore(messaging, { log: silent });
  const large = { ...statusOf("dev-a", "now"), agentVersion: "x".repeat(BUCKETS.status.maxValueBytes) };
  await expect(openStatusWriter(messaging, deviceA).putStatus(large, signal)).rejects.toMatchObject({ code: "TooLarge", retry: "never" });
});
