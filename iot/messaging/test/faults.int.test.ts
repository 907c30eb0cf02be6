// A NATS server that is restarted, wiped, or put back to an older copy of its store, and the
// response of the operator's store and the device's reader.

import { cp, rm } from "node:fs/promises";
import { asDeploymentName, type DeviceStatus, type Manifest } from "@iot/contracts";
import { eventually, makeTempFolder } from "@iot/testkit";
import { describe, expect, test } from "vitest";
import {
  type DesiredStateStore,
  ManifestJudge,
  type ManifestRead,
  openDesiredState,
  openDeviceReader,
  openStatusStore,
  openStatusWriter,
} from "../src/index.ts";
import { deviceA, type Fleet, silent, startFleet } from "./nats-setup.ts";

const hello = asDeploymentName("hello");
const signal = AbortSignal.timeout(110_000);
const score = (version: number): string => `{"type":"PodmanV0","data":{"v":${version}}}`;
const status: DeviceStatus = {
  device: deviceA,
  agentVersion: "1",
  bootId: "b",
  reportedAt: "2026-01-01T00:00:00Z",
  manifestRevision: 1,
  deployments: {},
};

function manifest(revision: number): Manifest {
  return { sources: ["test"], deployments: { hello: { revision, generation: 1, uid: "u1", source: "test", namespace: "default" } } };
}

/** The smallest pass of an operator: observe, Score, manifest. */
async function write(store: DesiredStateStore, version: number): Promise<number> {
  const snapshot = await store.observe(signal);
  const expected = snapshot.scores.get("dev-a.hello")?.revision ?? 0;
  const put = await store.putScore({ device: deviceA, deployment: hello, scoreString: score(version), expectedRevision: expected });
  if (!put.ok) throw new Error("conflict");
  const manifestRevision = snapshot.manifests.get(deviceA)?.revision ?? 0;
  const written = await store.putManifest({ device: deviceA, manifest: manifest(put.revision), expectedRevision: manifestRevision });
  if (!written.ok) throw new Error("conflict");
  return written.revision;
}

function found(read: ManifestRead): ManifestRead & { kind: "found" } {
  if (read.kind !== "found") throw new Error(`the manifest is ${read.kind === "absent" ? "absent" : read.message}`);
  return read;
}

async function again(fleet: Fleet, change: () => Promise<void> = async () => undefined): Promise<void> {
  await fleet.nats.down();
  await change();
  await fleet.nats.start();
}

describe.each(["plain", "accounts"] as const)("against a server set up as %s", (setup) => {
  test("killed and started again: the same revisions, and the store goes on", async () => {
    await using fleet = await startFleet(setup);
    const store = await openDesiredState(await fleet.operator(), { log: silent });
    const heard: (string | null)[] = [];
    store.onChange((device) => heard.push(device));
    const device = await fleet.device(deviceA);
    const reader = openDeviceReader(device, deviceA);
    await write(store, 1);
    const before = found(await reader.readManifest(signal));
    await fleet.nats.kill();
    await fleet.nats.start();
    const after = await eventually(async () => found(await reader.readManifest(signal)), {
      what: "the device reads again",
      timeoutMs: 20_000,
    });
    expect(after).toEqual(before);
    const snapshot = await eventually(() => store.observe(signal), { what: "the operator observes again", timeoutMs: 20_000 });
    expect(snapshot.manifests.get(deviceA)?.revision).toBe(before.revision);
    heard.length = 0;
    expect(await write(store, 2)).toBe(before.revision + 2);
    await eventually(() => heard.length >= 2, { what: "changes are reported again" });
    await store.close();
  });

  test("wiped: the device reads no store, then of nothing, and the operator fills it again", async () => {
    await using fleet = await startFleet(setup);
    const operator = await fleet.operator();
    const store = await openDesiredState(operator, { log: silent });
    const reader = openDeviceReader(await fleet.device(deviceA), deviceA);
    await write(store, 1);
    await write(store, 2);
    const judge = new ManifestJudge(null);
    expect(judge.judge(found(await reader.readManifest(signal)), 0)).toEqual({ take: true, refetchScores: false });
    const away = await fleet.operator();
    await operator.close();
    await again(fleet, () => rm(fleet.nats.storeDir, { recursive: true }));
    const lost = await eventually(
      async () => {
        const read = await reader.readManifest(signal);
        return read.kind === "unreadable" && read.reason === "NotConnected" ? null : read;
      },
      { what: "the device reads again", timeoutMs: 20_000 },
    );
    expect(lost).toMatchObject({ kind: "unreadable", reason: "NoStore" });

    const next = await eventually(() => openDesiredState(away, { log: silent }), { what: "the operator is back", timeoutMs: 20_000 });
    expect(await reader.readManifest(signal)).toEqual({ kind: "absent" });
    expect((await next.observe(signal)).manifests.size).toBe(0);
    expect(await write(next, 3)).toBe(2);
    const read = found(await reader.readManifest(signal));
    expect(read.revision).toBe(2);
    expect(judge.judge(read, 1_000)).toEqual({ take: true, refetchScores: true });
    await next.close();
  });

  test("wiped while the operator stays: it makes the bucket again and sees that all is gone", async () => {
    await using fleet = await startFleet(setup);
    const operator = await fleet.operator();
    const store = await openDesiredState(operator, { log: silent });
    const statuses = await openStatusStore(operator, { log: silent });
    const removed: string[] = [];
    const writer = openStatusWriter(await fleet.device(deviceA), deviceA);
    await writer.putStatus(status, signal);
    await statuses.watch(
      () => undefined,
      signal,
      (device) => removed.push(device),
    );
    await write(store, 1);
    const heard: (string | null)[] = [];
    store.onChange((device) => heard.push(device));
    await again(fleet, () => rm(fleet.nats.storeDir, { recursive: true }));
    const snapshot = await eventually(() => store.observe(signal), { what: "the operator observes again", timeoutMs: 20_000 });
    expect(snapshot.manifests.size + snapshot.scores.size).toBe(0);
    expect(new Set(heard)).toEqual(new Set([deviceA]));
    await eventually(() => removed.length === 1, { what: "the status is reported as gone", timeoutMs: 20_000 });
    expect(await write(store, 1)).toBe(2);
    await store.close();
  });
});

test("put back to an older copy: lower in revision and older in time, so ignored for five minutes, then taken", async () => {
  await using fleet = await startFleet("plain");
  const copy = await makeTempFolder("nats-copy");
  const store = await openDesiredState(await fleet.operator(), { log: silent });
  const reader = openDeviceReader(await fleet.device(deviceA), deviceA);
  await write(store, 1);
  await again(fleet, () => cp(fleet.nats.storeDir, copy.path, { recursive: true }));
  const older = await eventually(async () => found(await reader.readManifest(signal)), { what: "the device reads", timeoutMs: 20_000 });
  await eventually(() => write(store, 2), { what: "the operator writes", timeoutMs: 20_000 });
  const judge = new ManifestJudge(null);
  const newer = found(await reader.readManifest(signal));
  judge.judge(newer, 0);
  expect(newer.revision).toBe(older.revision + 2);

  await again(fleet, async () => {
    await rm(fleet.nats.storeDir, { recursive: true });
    await cp(copy.path, fleet.nats.storeDir, { recursive: true });
  });
  const read = await eventually(async () => found(await reader.readManifest(signal)), {
    what: "the device reads again",
    timeoutMs: 20_000,
  });
  expect(read).toEqual(older);
  expect(judge.judge(read, 0)).toMatchObject({ take: false });
  expect(judge.judge(read, 299_999)).toMatchObject({ take: false });
  expect(judge.judge(read, 300_000)).toEqual({ take: true, refetchScores: true });

  const snapshot = await eventually(() => store.observe(signal), { what: "the operator observes again", timeoutMs: 20_000 });
  expect(snapshot.manifests.get(deviceA)?.revision).toBe(older.revision);
  expect(snapshot.scores.get("dev-a.hello")?.scoreString).toBe(score(1));
  // The same revisions come again, with another content: what the device sees is newer in time and
  // must be fetched anew.
  expect(await write(store, 3)).toBe(newer.revision);
  const repeated = found(await reader.readManifest(signal));
  expect(repeated.revision).toBe(newer.revision);
  expect(new ManifestJudge(newer).judge(repeated, 0)).toEqual({ take: true, refetchScores: true });
  await store.close();
  await copy.remove();
});

test("a bucket that is removed under a running operator", async () => {
  await using fleet = await startFleet("plain");
  const operator = await fleet.operator();
  const store = await openDesiredState(operator, { log: silent });
  await write(store, 1);
  await operator.connection.request("$JS.API.STREAM.DELETE.KV_desired-state", "", { timeout: 2_000 });
  await expect(store.putScore({ device: deviceA, deployment: hello, scoreString: score(1), expectedRevision: 1 })).rejects.toMatchObject({
    code: "NoStore",
  });
  const snapshot = await eventually(() => store.observe(signal), { what: "the operator observes again" });
  expect(snapshot.manifests.size).toBe(0);
  expect(await write(store, 1)).toBe(2);
  await store.close();
});
