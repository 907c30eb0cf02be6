// Buckets that somebody made by hand: one that works is used as it is, one that breaks the platform
// is named with its setting, and neither is altered. One of ours is brought to our limit.

import type { BucketName } from "@iot/contracts";
import { DiscardPolicy, type JetStreamManager, jetstreamManager, StorageType, type StreamConfig } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { streamConfig } from "../src/buckets/bucket-settings.ts";
import { type Messaging, openDesiredState, openInventoryStore, openStatusStore } from "../src/index.ts";
import { deviceA, type Fleet, silent, startFleet } from "./nats-setup.ts";

const BUCKETS: BucketName[] = ["desired-state", "status", "inventory"];
let fleet: Fleet;
let operator: Messaging;
let jsm: JetStreamManager;

// Each test has a server of its own: a stream that is removed and made again at once may be refused
// while its files go.
beforeEach(async () => {
  fleet = await startFleet("plain");
  operator = await fleet.operator();
  jsm = await jetstreamManager(operator.connection);
});
afterEach(() => fleet[Symbol.asyncDispose]());

async function open(bucket: BucketName): Promise<void> {
  const options = { log: silent };
  if (bucket === "desired-state") await (await openDesiredState(operator, options)).close();
  else if (bucket === "status") await openStatusStore(operator, options);
  else await openInventoryStore(operator, options);
}

test.each(BUCKETS)("%s is created when it is missing, and is then found to be right", async (bucket) => {
  await open(bucket);
  const { config } = await jsm.streams.info(`KV_${bucket}`);
  expect(config.allow_rollup_hdrs).toBe(bucket === "desired-state");
  expect(config.republish?.dest).toBe(bucket === "desired-state" ? "notify.desired-state.{{wildcard(1)}}" : undefined);
  await open(bucket);
});

test("two operators that create one bucket at once both get it", async () => {
  const other = await fleet.operator();
  const open = (messaging: Messaging) => openDesiredState(messaging, { log: silent });
  const [one, two] = await Promise.all([open(operator), open(other)]);
  await one.putManifest({ device: deviceA, manifest: { sources: ["test"], deployments: {} }, expectedRevision: 0 });
  expect([...(await two.observe(AbortSignal.timeout(10_000))).manifests.keys()]).toEqual([deviceA]);
  await Promise.all([one.close(), two.close()]);
});

const breaking: [string, BucketName, Partial<StreamConfig>, RegExp][] = [
  ["roll-ups on status", "status", { allow_rollup_hdrs: true }, /bucket "status".*allow_rollup_hdrs is true and must be false.*purge/],
  ["roll-ups on inventory", "inventory", { allow_rollup_hdrs: true }, /bucket "inventory".*allow_rollup_hdrs/],
  ["no direct gets", "desired-state", { allow_direct: false }, /allow_direct is (false|nothing) and must be true/],
  [
    "a republish to elsewhere",
    "desired-state",
    { republish: { src: ">", dest: "x.>" } },
    /republish is .* must be .*notify\.desired-state/,
  ],
  ["messages that are too small", "desired-state", { max_msg_size: 1024 }, /max_msg_size is 1024 and must be 524288 or more/],
  ["an unlimited history", "status", { max_msgs_per_subject: -1 }, /max_msgs_per_subject is -1 and must be 1/],
  ["dropping the old", "desired-state", { discard: DiscardPolicy.Old }, /discard is "old" and must be "new"/],
  ["a time to live", "desired-state", { max_age: nanos(3_600_000) }, /max_age is .* and must be 0/],
  ["a status that is forgotten in a minute", "status", { max_age: nanos(60_000) }, /max_age is .* 100000 ms or more/],
  ["memory", "desired-state", { storage: StorageType.Memory }, /storage is "memory" and must be "file"/],
  ["other subjects", "status", { subjects: ["$KV.status.a"] }, /subjects is .* and must be/],
];

test.each(breaking)("made by hand with %s", async (_what, bucket, settings, says) => {
  await jsm.streams.add({ ...streamConfig(bucket, 1), duplicate_window: nanos(60_000), ...settings });
  const before = await jsm.streams.info(`KV_${bucket}`);
  const opening = open(bucket);
  await expect(opening).rejects.toMatchObject({ code: "BucketSetting", retry: "never" });
  await expect(opening).rejects.toThrow(says);
  expect((await jsm.streams.info(`KV_${bucket}`)).config).toEqual(before.config);
});

test("made by hand without a republish", async () => {
  const { republish: _republish, ...rest } = streamConfig("desired-state", 1);
  await jsm.streams.add(rest);
  await expect(open("desired-state")).rejects.toThrow(/republish is nothing and must be/);
});

test("made by hand in another way that works: history, size, a whole message in the notice, a long time to live of statuses", async () => {
  const republish = { src: "$KV.desired-state.*", dest: "notify.desired-state.{{wildcard(1)}}" };
  await jsm.streams.add({ ...streamConfig("desired-state", 1), max_msgs_per_subject: 5, max_msg_size: -1, republish });
  await jsm.streams.add({ ...streamConfig("status", 1), storage: StorageType.Memory, max_age: nanos(86_400_000) });
  const configs = () => Promise.all(["desired-state", "status"].map(async (bucket) => (await jsm.streams.info(`KV_${bucket}`)).config));
  const before = await configs();
  await open("desired-state");
  await open("status");
  expect(await configs()).toEqual(before);
});

describe("a bucket that takes larger messages than are read", () => {
  const large = "x".repeat(200 * 1024);
  const limitOf = async (bucket: BucketName): Promise<number> => (await jsm.streams.info(`KV_${bucket}`)).config.max_msg_size;
  const make = async (bucket: BucketName, config: Partial<StreamConfig>): Promise<void> => {
    await jsm.streams.add({ ...streamConfig(bucket, 1), ...config });
    await operator.connection.request(`$KV.${bucket}.dev-a`, large, { timeout: 2_000 });
  };

  test.each([256 * 1024, -1])("of ours, with a limit of %i, is brought to it, and what lies there stays", async (bytes) => {
    await make("status", { max_msg_size: bytes });
    const before = await jsm.streams.info("KV_status");
    const store = await openStatusStore(operator, { log: silent, keepsLimits: true });
    expect((await jsm.streams.info("KV_status")).config).toEqual({ ...before.config, max_msg_size: 64 * 1024 });
    expect(await store.list(AbortSignal.timeout(10_000))).toMatchObject([{ device: deviceA, status: { ok: false } }]);
    await openStatusStore(operator, { log: silent, keepsLimits: true });
  });

  test("is left to who only looks, and to who made it by hand", async () => {
    await make("status", { max_msg_size: -1 });
    await openStatusStore(operator, { log: silent });
    expect(await limitOf("status")).toBe(-1);
    await make("inventory", { max_msg_size: -1, description: "made by hand" });
    await openInventoryStore(operator, { log: silent, keepsLimits: true });
    expect(await limitOf("inventory")).toBe(-1);
  });
});

test("a user without JetStream is reported as such", async () => {
  await using accounts = await startFleet("accounts");
  const device = await accounts.device(deviceA);
  await expect(openDesiredState(device, { log: silent })).rejects.toMatchObject({ code: "PermissionDenied" });
  await using shared = await startFleet("shared");
  const agent = await shared.device(deviceA);
  await expect(openDesiredState(agent, { log: silent })).rejects.toMatchObject({ code: "PermissionDenied" });
});
