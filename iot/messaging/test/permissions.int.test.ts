// The deeds that a device and a person may not do, with the shipped configuration: each case
// was seen to work in a single account, or would reach another device. The test uses the raw
// client, as somebody with the device's credentials would.

import { asDeploymentName, asDeviceId, type DeviceStatus, type Manifest, ROLE_VERBS, ROLES } from "@iot/contracts";
import { jetstreamManager } from "@nats-io/jetstream";
import { errors, headers, type NatsConnection } from "@nats-io/nats-core";
import {
  REFUSED_READS,
  REFUSED_SUBJECTS,
  REFUSED_SUBJECTS_OF_PEOPLE,
  REFUSED_SUBSCRIPTIONS,
  REFUSED_VERBS,
  refusedSubscriptionsOfPeople,
} from "@iot/testkit";
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
const statusNames = ["$KV.status.dev-a", "iot.status.dev-a"];

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
  test.each(REFUSED_SUBJECTS)("%s", async (_what, subject) => {
    expect(await refusal(a.request(subject, "{}", { timeout: 1_000 }))).toBeInstanceOf(errors.PermissionViolationError);
  });

  test.each(REFUSED_SUBSCRIPTIONS)("listening to %s", async (_what, subject) => {
    expect(await a.subscribe(subject).closed).toBeInstanceOf(errors.PermissionViolationError);
  });
});

describe.each(ROLES)("a person who is %s is refused", (role) => {
  let person: NatsConnection;
  beforeAll(async () => {
    person = (await fleet.person(role)).connection;
  });

  test.each([
    ...REFUSED_SUBJECTS_OF_PEOPLE,
    ...REFUSED_READS[role].map((subject) => ["to read", subject] as const),
    ...REFUSED_VERBS[role].map((verb) => [`to ask for ${verb}`, `iot.command.dev-a.${verb}`] as const),
    ...(role === "viewer" ? [["a word into a session", `iot.session.dev-a.${"0".repeat(32)}.in`] as const] : []),
  ])("%s", async (_what, subject) => {
    expect(await refusal(person.request(subject, "{}", { timeout: 1_000 }))).toBeInstanceOf(errors.PermissionViolationError);
  });

  test.each(refusedSubscriptionsOfPeople(`alice-${role}`))("listening to %s", async (_what, subject) => {
    expect(await person.subscribe(subject).closed).toBeInstanceOf(errors.PermissionViolationError);
  });

  test("JetStream", async () => {
    await expect(jetstreamManager(person)).rejects.toThrow(/Permissions Violation/);
  });

  test.each(ROLE_VERBS[role])("nothing when it asks for %s, and the device hears who asks", async (verb) => {
    const subject = `iot.command.dev-a.${verb}`;
    const asked = a.subscribe(subject, {
      callback: (_error, message) => void message.respond(message.headers?.get("Nats-Request-Info") ?? ""),
    });
    await a.flush();
    const info = (await person.request(subject, "{}", { timeout: 2_000 })).json();
    expect(info).toMatchObject({ acc: "PEOPLE", user: `alice-${role}` });
    asked.unsubscribe();
    await a.flush();
    expect(await refusal(person.request(subject, "{}", { timeout: 2_000 }))).toBeInstanceOf(errors.NoRespondersError);
  });
});

describe("what a device may send is its own, whatever it puts into it", () => {
  test.each([getA, "iot.manifest.dev-a"])("a batched get of its own subject answers for that subject alone: %s", async (asked) => {
    const answer = await a.request(asked, JSON.stringify({ multi_last: ["$KV.desired-state.>"] }), { timeout: 1_000 });
    expect(answer.headers?.code).toBeGreaterThanOrEqual(400);
    const bySequence = await a.request(asked, JSON.stringify({ seq: 1 }), { timeout: 1_000 });
    expect(bySequence.headers?.code).toBeGreaterThanOrEqual(400);
    expect(bySequence.string()).not.toContain("of");
  });

  test.each(statusNames)("a roll-up of its own status purges nobody's: %s", async (subject) => {
    for (const scope of ["all", "sub"]) {
      const answer = await putStatus(subject, { "Nats-Rollup": scope });
      expect(answer).toContain("error");
    }
    expect((await statuses.list(signal)).map(({ device }) => device)).toContain(deviceB);
  });

  test.each(
    [
      ["a time to live", { "Nats-TTL": "1s" }] as const,
      ["an atomic batch", { "Nats-Batch-Id": "x", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1" }] as const,
      ["a schedule", { "Nats-Schedule": "@every 1s", "Nats-Schedule-Target": "$KV.status.dev-b" }] as const,
    ].flatMap(([what, extra]) => statusNames.map((subject) => [what, subject, extra] as const)),
  )("%s is refused: %s", async (_what, subject, extra) => {
    expect(await putStatus(subject, extra)).toContain("error");
  });

  test("another's key or name as the reply subject changes nothing there, and wakes nobody", async () => {
    const b = await fleet.device(deviceB);
    const heard: (number | null)[] = [];
    openDeviceReader(b, deviceB).notices((sequence) => heard.push(sequence), signal);
    const arrived: string[] = [];
    b.connection.subscribe("iot.notice.dev-b", {
      callback: (_error, { headers: sent }) => void arrived.push(sent?.get("Nats-Subject") ?? ""),
    });
    await b.connection.flush();
    const kv = ["$KV.desired-state.dev-b", "$KV.status.dev-b", "$KV.desired-state.dev-b.secret"];
    const own = ["iot.manifest.dev-b", "iot.score.dev-b.secret", "iot.status.dev-b", "iot.inventory.dev-b", "iot.notice.dev-b"];
    for (const reply of [...kv, ...own, getB, `${getB}.secret`]) {
      for (const asked of [getA, "iot.manifest.dev-a", "iot.score.dev-a.none"]) a.publish(asked, "", { reply });
      for (const written of statusNames) a.publish(written, "{}", { reply });
    }
    await a.flush();
    const snapshot = await store.observe(signal);
    expect(snapshot.manifests.get(deviceB)?.manifest).toEqual({ ok: true, value: manifestOfB });
    expect(snapshot.scores.get("dev-b.secret")?.scoreString).toBe(secretScore);
    const ofB = (await statuses.list(signal)).find(({ device }) => device === deviceB);
    expect(ofB?.status).toEqual({ ok: true, value: statusOfB });
    await b.connection.flush();
    // It is delivered, and it is not a notice of this device's manifest.
    expect(arrived.length).toBeGreaterThan(0);
    expect(arrived).not.toContain("$KV.desired-state.dev-b");
    expect(heard).toEqual([]);
  });

  test("JetStream is not there for it", async () => {
    await expect(jetstreamManager(a)).rejects.toThrow(/Permissions Violation/);
  });
});

describe("one credential for all devices is what its file says of it", () => {
  let shared: Fleet;
  let one: NatsConnection;
  beforeAll(async () => {
    shared = await startFleet("shared");
    const operator = await shared.operator();
    for (const open of [openDesiredState, openStatusStore, openInventoryStore]) await open(operator, { log: silent });
    one = (await shared.device(deviceA)).connection;
  });
  afterAll(() => shared[Symbol.asyncDispose]());

  test.each([
    "$KV.desired-state.dev-b",
    "$KV.desired-state.dev-b.secret",
    "$JS.API.STREAM.PURGE.KV_status",
    "$JS.API.STREAM.INFO.KV_status",
    "$JS.API.DIRECT.GET.KV_desired-state",
    "$JS.API.DIRECT.GET.KV_status.$KV.status.dev-b",
    "iot.notice.dev-b",
    "notify.desired-state.dev-b",
    "_INBOX_dev-b.x",
  ])("it does not publish %s", async (subject) => {
    expect(await refusal(one.request(subject, "{}", { timeout: 1_000 }))).toBeInstanceOf(errors.PermissionViolationError);
  });

  test("it writes the status of any device, and hears what any device is answered", async () => {
    const heard: string[] = [];
    one.subscribe("_INBOX_dev-b.>", { callback: (_error, message) => void heard.push(message.subject) });
    expect((await one.request("iot.status.dev-b", "{}", { timeout: 1_000 })).json()).toMatchObject({ stream: "KV_status" });
    const b = await shared.device(deviceB);
    await openStatusWriter(b, deviceB).putStatus(statusOfB, signal);
    await one.flush();
    expect(heard).toHaveLength(1);
  });
});

test("a refused read is reported as such, and another device goes on reading", async () => {
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

async function putStatus(subject: string, extra: Record<string, string>): Promise<string> {
  const sent = headers();
  for (const [name, value] of Object.entries(extra)) sent.set(name, value);
  return (await a.request(subject, "{}", { headers: sent, timeout: 2_000 })).string();
}
