// A device with the rights that are shipped sends answers that nobody asked for into another
// device's replies. The server delivers its answer to whatever reply subject the asker names, so a
// reader that knows its own question is the only defence left when the word of the replies is
// known. Here a user that may hear everything discloses it.

import { asDeploymentName, type DeviceStatus, type Manifest } from "@iot/contracts";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type DesiredStateStore,
  type DeviceReader,
  fixedCredentials,
  openDesiredState,
  openDeviceReader,
  openInventoryStore,
  openStatusStore,
  openStatusWriter,
  type StatusStore,
} from "../src/index.ts";
import { deviceA, deviceB, type Fleet, shippedConfig, silent, startFleet } from "./nats-setup.ts";

const signal = AbortSignal.timeout(100_000);
const getA = "$JS.API.DIRECT.GET.KV_desired-state.$KV.desired-state.dev-a";
const score = '{"type":"PodmanV0","data":{"of":"b"}}';
const hello = asDeploymentName("hello");
const manifestOfA: Manifest = { sources: ["test"], deployments: {} };
const manifestOfB: Manifest = {
  sources: ["test"],
  deployments: { hello: { revision: 1, generation: 1, uid: "u", source: "test", namespace: "n" } },
};

let fleet: Fleet;
let store: DesiredStateStore;
let statuses: StatusStore;
let a: NatsConnection;
let b: Awaited<ReturnType<Fleet["device"]>>;
let reader: DeviceReader;
/** The messages in the replies of B that were not sent for B. */
let foreign: string[];
/** The reply subject of the last question of B, without its number, and the number. */
let word: string;
let last: number;

beforeEach(async () => {
  fleet = await startFleet("accounts");
  const withSpy = shippedConfig().replace(
    "users: [\n  {\n    user: dev-a",
    'users: [\n  { user: spy, password: "spy-secret" }\n  {\n    user: dev-a',
  );
  expect(withSpy).toContain("user: spy");
  await fleet.nats.reload(withSpy);
  const operator = await fleet.operator();
  store = await openDesiredState(operator, { log: silent });
  statuses = await openStatusStore(operator, { log: silent });
  await openInventoryStore(operator, { log: silent });
  await store.putScore({ device: deviceB, deployment: hello, scoreString: score, expectedRevision: 0 });
  await store.putManifest({ device: deviceB, manifest: manifestOfB, expectedRevision: 0 });
  await store.putManifest({ device: deviceA, manifest: manifestOfA, expectedRevision: 0 });
  a = (await fleet.device(deviceA)).connection;
  const spy = await fleet.device(deviceA, { credentials: fixedCredentials({ user: "spy", pass: "spy-secret" }) });
  foreign = [];
  spy.connection.subscribe("_INBOX_dev-b.>", {
    callback: (_error, message) => {
      const of = message.headers?.get("Nats-Subject") ?? "";
      if (!of.startsWith("$KV.desired-state.dev-b")) foreign.push(of);
      const [, heardWord = "", number = "0"] = /^(_INBOX_dev-b\.[^.]+)\.(.+)$/.exec(message.subject) ?? [];
      word = heardWord;
      last = Math.max(last, parseInt(number, 36));
    },
  });
  await spy.connection.flush();
  word = "";
  last = 0;
  b = await fleet.device(deviceB);
  reader = openDeviceReader(b, deviceB);
  await reader.readManifest(signal);
  await spy.connection.flush();
  expect(word).toMatch(/^_INBOX_dev-b\.[\w-]{8}$/);
});
afterEach(async () => {
  await store.close();
  await fleet[Symbol.asyncDispose]();
});

/**
 * Injects one of each kind that the server may be made to send, into each of the next questions of
 * B.
 */
function inject(): void {
  const refused = headers();
  refused.set("Nats-Expected-Last-Subject-Sequence", "4711");
  for (let number = last; number < last + 8; number += 1) {
    const reply = `${word}.${number.toString(36)}`;
    // The injected answers: the empty manifest of A, a 404, a refusal, an acknowledgement, and a
    // refused write.
    a.publish(getA, "", { reply });
    a.publish("iot.manifest.dev-a", "", { reply });
    a.publish(`${getA}.nothing`, "", { reply });
    a.publish(getA, '{"seq":1,"last_by_subj":"x"}', { reply });
    a.publish("$KV.status.dev-a", "{}", { reply });
    a.publish("$KV.inventory.dev-a", "{}", { reply, headers: refused });
  }
}

test("of 2,000 answers that another device injects, the reply word known, none is taken", async () => {
  let reads = 0;
  while (foreign.length < 2_000) {
    inject();
    const reading = reader.readManifest(signal);
    inject();
    expect(await reading).toMatchObject({ kind: "found", manifest: manifestOfB });
    expect(await reader.readScore({ deployment: hello, revision: 1 }, signal)).toMatchObject({ kind: "found", scoreString: score });
    reads += 2;
  }
  expect(reads).toBeGreaterThan(10);
});

test("a status is not taken for written by the acknowledgement of another stream, or by another's refusal", async () => {
  const status: DeviceStatus = {
    device: deviceB,
    agentVersion: "1",
    reportedAt: "2026-01-01T00:00:00Z",
    manifestRevision: 1,
    deployments: {},
  };
  const writer = openStatusWriter(b, deviceB);
  for (let round = 0; round < 20; round += 1) {
    const refused = headers();
    refused.set("Nats-Expected-Last-Subject-Sequence", "4711");
    for (let number = last; number < last + 8; number += 1) {
      const reply = `${word}.${number.toString(36)}`;
      a.publish("$KV.inventory.dev-a", "{}", { reply });
      a.publish("$KV.status.dev-a", "{}", { reply, headers: refused });
    }
    await writer.putStatus({ ...status, manifestRevision: round }, signal);
    const ofB = (await statuses.list(signal)).find(({ device }) => device === deviceB);
    expect(ofB?.status).toMatchObject({ ok: true, value: { manifestRevision: round } });
  }
  expect(foreign.length).toBeGreaterThan(20);
});

test("of 2,000 notices that the server was made to send by another device none wakes anybody", async () => {
  const heard: (number | null)[] = [];
  reader.notices((sequence) => heard.push(sequence), signal);
  await b.connection.flush();
  const inject = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      for (const reply of ["iot.notice.dev-b", "notify.desired-state.dev-b"]) {
        a.publish("iot.manifest.dev-a", "", { reply });
        a.publish("$KV.status.dev-a", "{}", { reply });
      }
    }
    await a.flush();
    await b.connection.flush();
  };
  // As many as are listened to.
  await inject(4);
  const written = await store.putManifest({ device: deviceB, manifest: { ...manifestOfB, sources: ["other"] }, expectedRevision: 2 });
  expect(written.ok).toBe(true);
  expect(await reader.readManifest(signal)).toMatchObject({ kind: "found", manifest: { sources: ["other"] } });
  expect(heard).toEqual([4]);
  // Those beyond end the subscription, which notice-cost.int.test.ts tells more of.
  await inject(496);
  expect(heard).toEqual([4]);
  expect(await reader.readManifest(signal)).toMatchObject({ kind: "found", manifest: { sources: ["other"] } });
});
