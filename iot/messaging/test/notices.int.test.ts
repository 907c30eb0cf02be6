// A notice is a hint that carries a sequence, and a replica may lag behind it. One server has no
// lag, so the notice is sent early here: what the reader does with it is the same.

import type { Manifest } from "@iot/contracts";
import { headers } from "@nats-io/nats-core";
import { eventually } from "@iot/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DesiredStateStore, type DeviceReader, type Messaging, openDesiredState, openDeviceReader } from "../src/index.ts";
import { deviceA, deviceB, type Fleet, silent, startFleet } from "./nats-setup.ts";

const signal = AbortSignal.timeout(100_000);
const manifest: Manifest = { sources: ["test"], deployments: {} };
let fleet: Fleet;
let operator: Messaging;
let store: DesiredStateStore;
let reader: DeviceReader;
let noticed: (number | null)[];

beforeEach(async () => {
  fleet = await startFleet("plain");
  operator = await fleet.operator();
  store = await openDesiredState(operator, { log: silent });
  reader = openDeviceReader(await fleet.device(deviceA), deviceA);
  noticed = [];
  reader.notices((sequence) => noticed.push(sequence), signal);
  // The read uses the same connection, so the subscription exists when it is answered.
  await reader.readManifest(signal);
  await store.putManifest({ device: deviceA, manifest, expectedRevision: 0 });
  await eventually(() => noticed.includes(1), { what: "the first manifest is noticed" });
  await reader.readManifest(signal);
});
afterEach(async () => {
  await store.close();
  await fleet[Symbol.asyncDispose]();
});

async function notice(sequence: string, subject = "$KV.desired-state.dev-a"): Promise<void> {
  const sent = headers();
  sent.set("Nats-Subject", subject);
  sent.set("Nats-Sequence", sequence);
  const before = noticed.length;
  operator.connection.publish("notify.desired-state.dev-a", "", { headers: sent });
  await eventually(() => noticed.length > before, { what: "the notice arrives" });
}

test("a read after a notice waits until its sequence is there", async () => {
  await notice("2");
  const reading = reader.readManifest(signal);
  await store.putManifest({ device: deviceA, manifest: { ...manifest, sources: ["later"] }, expectedRevision: 1 });
  expect(await reading).toMatchObject({ kind: "found", revision: 2, manifest: { sources: ["later"] } });
});

test("one that never comes is waited for once, for five seconds", async () => {
  await notice("99");
  const startedMs = performance.now();
  expect(await reader.readManifest(signal)).toMatchObject({ kind: "found", revision: 1 });
  const firstMs = performance.now() - startedMs;
  expect(firstMs).toBeGreaterThan(4_900);
  expect(firstMs).toBeLessThan(9_500);
  expect(await reader.readManifest(signal)).toMatchObject({ kind: "found", revision: 1 });
  expect(performance.now() - startedMs - firstMs).toBeLessThan(4_500);
});

test("a notice that says nothing sensible is still a hint", async () => {
  await notice("garbage");
  expect(noticed.at(-1)).toBeNull();
  expect(await reader.readManifest(signal)).toMatchObject({ kind: "found", revision: 1 });
});

test("an abort ends a wait at once, with its reason", async () => {
  await notice("99");
  const stop = new AbortController();
  const reading = reader.readManifest(stop.signal);
  stop.abort(new Error("shutting down"));
  await expect(reading).rejects.toThrow("shutting down");
});

test("a notice does not carry the manifest", async () => {
  const bodies: number[] = [];
  const subscription = operator.connection.subscribe("notify.desired-state.*", {
    callback: (_error, { data }) => void bodies.push(data.length),
  });
  await operator.connection.flush();
  await store.putManifest({ device: deviceA, manifest: { ...manifest, sources: ["x"] }, expectedRevision: 1 });
  await eventually(() => bodies.length === 1, { what: "the notice is sent" });
  expect(bodies).toEqual([0]);
  subscription.unsubscribe();
});

test("the first manifest of a device cuts short the wait for a surer word that there is none", async () => {
  const other = openDeviceReader(await fleet.device(deviceB), deviceB);
  other.notices(() => undefined, signal);
  expect(await other.readManifest(signal)).toEqual({ kind: "absent" });
  const reading = other.readManifest(signal);
  await store.putManifest({ device: deviceB, manifest, expectedRevision: 0 });
  expect(await reading).toMatchObject({ kind: "found" });
});

test("notices that are not true keep a device without a manifest from no reading", async () => {
  const other = openDeviceReader(await fleet.device(deviceB), deviceB);
  other.notices(() => undefined, signal);
  await other.readManifest(signal);
  const reading = other.readManifest(signal);
  for (let sequence = 1; sequence <= 20; sequence += 1) {
    const sent = headers();
    sent.set("Nats-Subject", `$KV.desired-state.${deviceB}`);
    operator.connection.publish(`notify.desired-state.${deviceB}`, "", { headers: sent });
  }
  expect(await reading).toEqual({ kind: "absent" });
});
