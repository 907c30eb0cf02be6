// What one device may not do, with the shipped configuration of two accounts: each case was seen to work in a single account, or would
// reach another device. The raw client is used, as somebody with the device's credentials would.

import { asDeploymentName, asDeviceId, type DeviceStatus, type Manifest } from "@iot/contracts";
import { jetstreamManager } from "@nats-io/jetstream";
import { errors, headers, type NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
import { deviceA, deviceB, type Fleet, shippedConfig, silent, startFleet } from "./nats-setup.ts";

const signal = AbortSignal.timeout(100_000);
const secretScore = '{"type":"PodmanV0","data":{"services":[],"of":"b"}}';
const manifestOfB: Manifest = { sources: ["test"], deployments: {} };
const statusOfB: DeviceStatus = {
  device: deviceB,
  agentVersion: "1",
  bootId: "b",
  reportedAt: "2026-01-01T00:00:00Z",
  manifestRevision: 1,
  deployments: {},
};
const getB = "$JS.API.DIRECT.GET.KV_desired-state.$KV.desired-state.dev-b";
const getA = "$JS.API.DIRECT.GET.KV_desired-state.$KV.desired-state.dev-a";

let fleet: Fleet;
let store: DesiredStateStore;
let statuses: StatusStore;
let messagingOfA: Messaging;
let a: NatsConnection;

beforeAll(async () => {
  fleet = await startFleet("accounts");
  const operator = await fleet.operator();
  store = await openDesiredState(operator, { log: silent });
  statuses = await openStatusStore(operator, { log: silent });
  await openInventoryStore(operator, { log: silent });
  await store.putScore({ device: deviceB, deployment: asDeploymentName("secret"), scoreString: secretScore, expectedRevision: 0 });
  await store.putManifest({ device: deviceB, manifest: manifestOfB, expectedRevision: 0 });
  await openStatusWriter(await fleet.device(deviceB), deviceB).putStatus(statusOfB, signal);
  messagingOfA = await fleet.device(deviceA);
  a = messagingOfA.connection;
});
afterAll(async () => {
  await store.close();
  await fleet[Symbol.asyncDispose]();
});

async function refusal(asked: Promise<unknown>): Promise<unknown> {
  const error = await asked.then(
    () => "it was answered",
    (reason: unknown) => reason,
  );
  return error instanceof errors.RequestError ? error.cause : error;
}

describe("a device is refused", () => {
  test.each([
    ["another's manifest", getB],
    ["another's Score", `${getB}.secret`],
    ["a direct get by sequence or of many", "$JS.API.DIRECT.GET.KV_desired-state"],
    ["another's status, by a direct get", "$JS.API.DIRECT.GET.KV_status.$KV.status.dev-b"],
    ["its own status back", "$JS.API.DIRECT.GET.KV_status.$KV.status.dev-a"],
    ["a get through the stream", "$JS.API.STREAM.MSG.GET.KV_desired-state"],
    ["information about the stream", "$JS.API.STREAM.INFO.KV_desired-state"],
    ["the names of streams", "$JS.API.STREAM.NAMES"],
    ["a purge", "$JS.API.STREAM.PURGE.KV_status"],
    ["removal of the stream", "$JS.API.STREAM.DELETE.KV_status"],
    ["a consumer", "$JS.API.CONSUMER.CREATE.KV_desired-state"],
    ["a consumer of a name", "$JS.API.CONSUMER.CREATE.KV_desired-state.mine.$KV.desired-state.dev-a"],
    ["the names of consumers", "$JS.API.CONSUMER.NAMES.KV_desired-state"],
    ["a write of another's status", "$KV.status.dev-b"],
    ["a write of another's inventory", "$KV.inventory.dev-b"],
    ["a write of its own manifest", "$KV.desired-state.dev-a"],
    ["a write of its own Score", "$KV.desired-state.dev-a.hello"],
    ["a notice to another", "notify.desired-state.dev-b"],
    ["a message to another's inbox", "_INBOX_dev-b.x"],
  ])("%s", async (_what, subject) => {
    expect(await refusal(a.request(subject, "{}", { timeout: 1_000 }))).toBeInstanceOf(errors.PermissionViolationError);
  });

  test.each([
    ["another's notices", "notify.desired-state.dev-b"],
    ["everybody's notices", "notify.desired-state.*"],
    ["another's replies", "_INBOX_dev-b.>"],
    ["all replies", "_INBOX.>"],
    ["writes of desired state", "$KV.desired-state.>"],
    ["everything", ">"],
  ])("listening to %s", async (_what, subject) => {
    expect(await a.subscribe(subject).closed).toBeInstanceOf(errors.PermissionViolationError);
  });
});

describe("what a device may send is its own, whatever it puts into it", () => {
  test("a batched get of its own subject answers for that subject alone", async () => {
    const answer = await a.request(getA, JSON.stringify({ multi_last: ["$KV.desired-state.>"] }), { timeout: 1_000 });
    expect(answer.headers?.code).toBeGreaterThanOrEqual(400);
    const bySequence = await a.request(getA, JSON.stringify({ seq: 1 }), { timeout: 1_000 });
    expect(bySequence.headers?.code).toBeGreaterThanOrEqual(400);
    expect(bySequence.string()).not.toContain("of");
  });

  test("a roll-up of its own status purges nobody's", async () => {
    for (const scope of ["all", "sub"]) {
      const answer = await putStatus({ "Nats-Rollup": scope });
      expect(answer).toContain("error");
    }
    expect((await statuses.list(signal)).map(({ device }) => device)).toContain(deviceB);
  });

  test.each([
    ["a time to live", { "Nats-TTL": "1s" }],
    ["an atomic batch", { "Nats-Batch-Id": "x", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1" }],
    ["a schedule", { "Nats-Schedule": "@every 1s", "Nats-Schedule-Target": "$KV.status.dev-b" }],
  ])("%s is refused", async (_what, extra) => {
    expect(await putStatus(extra)).toContain("error");
  });

  test("another's key as the reply subject changes nothing there", async () => {
    for (const key of ["$KV.desired-state.dev-b", "$KV.status.dev-b", "$KV.desired-state.dev-b.secret"]) {
      a.publish(getA, "", { reply: key });
      a.publish("$KV.status.dev-a", "{}", { reply: key });
    }
    await a.flush();
    const snapshot = await store.observe(signal);
    expect(snapshot.manifests.get(deviceB)?.manifest).toEqual({ ok: true, value: manifestOfB });
    expect(snapshot.scores.get("dev-b.secret")?.scoreString).toBe(secretScore);
    const ofB = (await statuses.list(signal)).find(({ device }) => device === deviceB);
    expect(ofB?.status).toEqual({ ok: true, value: statusOfB });
  });

  test("JetStream is not there for it", async () => {
    await expect(jetstreamManager(a)).rejects.toThrow(/Permissions Violation/);
  });
});

test("a refused read is told as such, and another device goes on reading", async () => {
  const asB = openDeviceReader(messagingOfA, deviceB);
  expect(await asB.readManifest(signal)).toMatchObject({ kind: "unreadable", reason: "PermissionDenied" });
  const b = openDeviceReader(await fleet.device(deviceB), deviceB);
  expect(await b.readManifest(signal)).toMatchObject({ kind: "found", manifest: manifestOfB });
});

test("a device that is added by a reload disconnects nobody", async () => {
  const before = a.info?.client_id;
  const deviceC = asDeviceId("dev-c");
  await fleet.nats.reload(shippedConfig([deviceA, deviceB, deviceC]));
  expect((await fleet.device(deviceC)).state().kind).toBe("connected");
  expect(a.isClosed()).toBe(false);
  expect(a.info?.client_id).toBe(before);
});

async function putStatus(extra: Record<string, string>): Promise<string> {
  const sent = headers();
  for (const [name, value] of Object.entries(extra)) sent.set(name, value);
  return (await a.request("$KV.status.dev-a", "{}", { headers: sent, timeout: 2_000 })).string();
}
