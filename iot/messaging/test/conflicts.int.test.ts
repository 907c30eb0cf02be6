// Writers that are behind, or that die between two writes, against a real server.

import { asDeploymentName, type Manifest } from "@iot/contracts";
import { eventually } from "@iot/testkit";
import { expect, test } from "vitest";
import { openDesiredState, openDeviceReader } from "../src/index.ts";
import { deviceA, silent, startFleet } from "./nats-setup.ts";

const hello = asDeploymentName("hello");
const signal = AbortSignal.timeout(100_000);
const older = '{"type":"PodmanV0","data":{"v":1}}';
const newer = '{"type":"PodmanV0","data":{"v":2}}';

function manifest(revision: number, generation: number): Manifest {
  return { sources: ["test"], deployments: { hello: { revision, generation, uid: "u1", source: "test", namespace: "default" } } };
}

test("a stale operator is refused, in each of its three writes, and overwrites nothing", async () => {
  await using fleet = await startFleet("plain");
  const current = await openDesiredState(await fleet.operator(), { log: silent });
  const stale = await openDesiredState(await fleet.operator(), { log: silent });
  await current.putScore({ device: deviceA, deployment: hello, scoreString: older, expectedRevision: 0 });
  await current.putManifest({ device: deviceA, manifest: manifest(1, 1), expectedRevision: 0 });
  const seen = await stale.observe(signal);
  const seenScore = seen.scores.get("dev-a.hello")?.revision ?? 0;
  const seenManifest = seen.manifests.get(deviceA)?.revision ?? 0;

  await current.putScore({ device: deviceA, deployment: hello, scoreString: newer, expectedRevision: 1 });
  await current.putManifest({ device: deviceA, manifest: manifest(3, 2), expectedRevision: 2 });

  const conflict = (last: number): object => ({ ok: false, reason: "Conflict", last });
  expect(await stale.putScore({ device: deviceA, deployment: hello, scoreString: older, expectedRevision: seenScore })).toEqual(
    conflict(3),
  );
  expect(await stale.putManifest({ device: deviceA, manifest: manifest(1, 1), expectedRevision: seenManifest })).toEqual(conflict(4));
  expect(await stale.removeScore({ device: deviceA, deployment: hello, expectedRevision: seenScore })).toEqual(conflict(3));
  expect(await stale.putManifest({ device: deviceA, manifest: manifest(1, 1), expectedRevision: 0 })).toEqual(conflict(4));

  const again = await stale.observe(signal);
  expect(again.scores.get("dev-a.hello")).toEqual({ revision: 3, scoreString: newer });
  expect(again.manifests.get(deviceA)?.manifest).toEqual({ ok: true, value: manifest(3, 2) });
  await Promise.all([current.close(), stale.close()]);
});

test("after a removal the key is written again only by who saw the marker", async () => {
  await using fleet = await startFleet("plain");
  const store = await openDesiredState(await fleet.operator(), { log: silent });
  await store.putScore({ device: deviceA, deployment: hello, scoreString: older, expectedRevision: 0 });
  await store.removeScore({ device: deviceA, deployment: hello, expectedRevision: 1 });
  expect(await store.putScore({ device: deviceA, deployment: hello, scoreString: newer, expectedRevision: 0 })).toMatchObject({
    ok: false,
  });
  const marker = (await store.observe(signal)).scores.get("dev-a.hello")?.revision ?? 0;
  expect(await store.putScore({ device: deviceA, deployment: hello, scoreString: newer, expectedRevision: marker })).toMatchObject({
    ok: true,
  });
  await store.close();
});

test("an operator that dies between Score and manifest leaves the device what it has, and the next one repairs it", async () => {
  await using fleet = await startFleet("plain");
  const dying = await fleet.operator();
  const store = await openDesiredState(dying, { log: silent });
  await store.putScore({ device: deviceA, deployment: hello, scoreString: older, expectedRevision: 0 });
  await store.putManifest({ device: deviceA, manifest: manifest(1, 1), expectedRevision: 0 });
  await store.putScore({ device: deviceA, deployment: hello, scoreString: newer, expectedRevision: 1 });
  await dying.close();

  const reader = openDeviceReader(await fleet.device(deviceA), deviceA);
  expect(await reader.readManifest(signal)).toMatchObject({ kind: "found", revision: 2 });
  expect(await reader.readScore({ deployment: hello, revision: 1 }, signal)).toEqual({ kind: "other-revision", revision: 3 });

  const next = await openDesiredState(await fleet.operator(), { log: silent });
  const snapshot = await next.observe(signal);
  const score = snapshot.scores.get("dev-a.hello");
  expect(score).toEqual({ revision: 3, scoreString: newer });
  const repaired = { device: deviceA, manifest: manifest(3, 2), expectedRevision: snapshot.manifests.get(deviceA)?.revision ?? 0 };
  expect(await next.putManifest(repaired)).toMatchObject({ ok: true });
  expect(await reader.readScore({ deployment: hello, revision: 3 }, signal)).toMatchObject({ kind: "found", scoreString: newer });
  await next.close();
});

test("what one operator writes the other hears of, and finds when it observes", async () => {
  await using fleet = await startFleet("plain");
  const one = await openDesiredState(await fleet.operator(), { log: silent });
  const other = await openDesiredState(await fleet.operator(), { log: silent });
  const heard: (string | null)[] = [];
  other.onChange((device) => heard.push(device));
  await other.observe(signal);
  await one.putScore({ device: deviceA, deployment: hello, scoreString: older, expectedRevision: 0 });
  expect((await other.observe(signal)).scores.get("dev-a.hello")?.revision).toBe(1);
  await eventually(() => heard.length === 1, { what: "the other operator hears of it" });
  await Promise.all([one.close(), other.close()]);
});
