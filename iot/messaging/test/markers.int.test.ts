// Marks of names that are gone, on a real server: they go after a time, and who has seen one before
// still writes over it.

import { asDeploymentName, keys } from "@iot/contracts";
import { eventually } from "@iot/testkit";
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import {
  type DesiredStateStore,
  openDesiredState,
  openInventoryStore,
  openKnownDevices,
  openStatusStore,
  openStatusWriter,
} from "../src/index.ts";
import { deviceA, silent, startFleet } from "./nats-setup.ts";

const signal = AbortSignal.timeout(60_000);
const names = Array.from({ length: 50 }, (_, index) => asDeploymentName(`preview-${index}`));
const scoreString = '{"type":"PodmanV0","data":{}}';

/** A preview of each name comes and goes. */
async function comeAndGo(store: DesiredStateStore): Promise<void> {
  for (const deployment of names) {
    const revision = (await store.observe(signal)).scores.get(keys.score(deviceA, deployment))?.revision ?? 0;
    const put = await store.putScore({ device: deviceA, deployment, scoreString, expectedRevision: revision });
    await store.removeScore({ device: deviceA, deployment, expectedRevision: put.ok ? put.revision : -1 });
  }
}

test("marks of names that are gone do not stay, and one who has seen them writes over them and over nothing else", async () => {
  await using fleet = await startFleet("plain");
  const operator = await fleet.operator();
  const store = await openDesiredState(operator, { log: silent });
  const other = await openDesiredState(await fleet.operator(), { log: silent });
  const jsm = await jetstreamManager(operator.connection);
  const messages = async (): Promise<number> => (await jsm.streams.info("KV_desired-state")).state.messages;
  const [first = names[0], second] = names;
  if (first === undefined || second === undefined) throw new Error("no names");

  await comeAndGo(store);
  expect(await messages()).toBe(names.length);
  const seen = (await other.observe(signal)).scores;
  expect(await store.purgeMarkers(3_600_000, signal)).toBe(0);
  // Written over before it would go: it stays.
  const revisionOf = (name: typeof first): number => seen.get(keys.score(deviceA, name))?.revision ?? 0;
  await other.putScore({ device: deviceA, deployment: second, scoreString, expectedRevision: revisionOf(second) });
  const hasHeard = async (): Promise<boolean> =>
    (await store.observe(signal)).scores.get(keys.score(deviceA, second))?.scoreString === scoreString;
  await eventually(hasHeard, { what: "the one that purges has heard it" });
  expect(await store.purgeMarkers(-5_000, signal)).toBe(names.length - 1);
  expect(await messages()).toBe(1);
  expect([...(await store.observe(signal)).scores.keys()]).toEqual([keys.score(deviceA, second)]);

  // The other one has only the mark in its memory.
  const write = { device: deviceA, deployment: first, scoreString };
  expect(await other.putScore({ ...write, expectedRevision: revisionOf(first) - 1 })).toMatchObject({ ok: false, reason: "Conflict" });
  expect(await other.putScore({ ...write, expectedRevision: revisionOf(first) })).toMatchObject({ ok: true });
  expect(await store.putScore({ ...write, expectedRevision: 0 })).toMatchObject({ ok: false, reason: "Conflict" });

  await comeAndGo(store);
  await store.purgeMarkers(-5_000, signal);
  expect(await messages()).toBe(0);
  await Promise.all([store.close(), other.close()]);
});

test("what is kept of a device goes as it was seen, and stays when the device wrote meanwhile", async () => {
  await using fleet = await startFleet("plain");
  const operator = await fleet.operator();
  const statuses = await openStatusStore(operator, { log: silent });
  await openInventoryStore(operator, { log: silent });
  const writer = openStatusWriter(await fleet.device(deviceA), deviceA);
  const status = {
    device: deviceA,
    agentVersion: "1",
    bootId: "b",
    reportedAt: "2026-01-01T00:00:00Z",
    manifestRevision: 1,
    deployments: {},
  };
  const heard = (): Promise<string[]> => statuses.list(signal).then((entries) => entries.map(({ device }) => device));
  const devices = openKnownDevices(operator);
  await writer.putStatus(status, signal);
  expect(await devices.find(deviceA, signal)).toMatchObject({ status: { revision: 1 }, inventory: null });
  const before = await devices.find(deviceA, signal);
  await writer.putStatus(status, signal);
  expect(await devices.forget(deviceA, before)).toBe(false);
  expect(await heard()).toEqual([deviceA]);
  expect(await devices.forget(deviceA, await devices.find(deviceA, signal))).toBe(true);
  expect(await heard()).toEqual([]);
  expect(await devices.find(deviceA, signal)).toEqual({ status: null, inventory: null });
  await writer.putStatus(status, signal);
  expect(await heard()).toEqual([deviceA]);
});

test("a server that is killed gives back a Score that nobody names, and never a manifest", async () => {
  await using fleet = await startFleet("plain");
  const store = await openDesiredState(await fleet.operator(), { log: silent });
  const [first = asDeploymentName("x")] = names;
  let [score, manifest] = [0, 0];
  for (let version = 1; version <= 4; version += 1) {
    const text = `{"type":"PodmanV0","data":{"v":${version}}}`;
    const put = await store.putScore({ device: deviceA, deployment: first, scoreString: text, expectedRevision: score });
    score = put.ok ? put.revision : -1;
    const entry = { revision: score, generation: version, uid: "u", source: "git:a", namespace: "default" };
    const named = { sources: ["git:a"], deployments: version < 4 ? { [first]: entry } : {} };
    const written = await store.putManifest({ device: deviceA, manifest: named, expectedRevision: manifest });
    manifest = written.ok ? written.revision : -1;
  }
  await store.removeScore({ device: deviceA, deployment: first, expectedRevision: score });
  await store.removeManifest({ device: deviceA, expectedRevision: manifest });
  expect(await store.purgeMarkers(-5_000, signal)).toBe(1);
  await store.close();
  await fleet.nats.kill();
  await fleet.nats.start();
  const after = await openDesiredState(await fleet.operator(), { log: silent });
  expect([...(await after.observe(signal)).manifests.values()]).toMatchObject([{ isGone: true }]);
  await after.close();
});
