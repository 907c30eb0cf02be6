// The operator's store and the device's reader and writer run with the same code against a plain
// server without authentication, the shipped configuration of two accounts, and the shipped one
// with a shared credential.

import { asDeploymentName, type DeviceInventory, type DeviceStatus, type Manifest } from "@iot/contracts";
import { eventually } from "@iot/testkit";
import { describe, expect, test } from "vitest";
import {
  openDesiredState,
  openDeviceReader,
  openInventoryStore,
  openStatusStore,
  openStatusWriter,
  type StatusEntry,
} from "../src/index.ts";
import { deviceA, deviceB, silent, startFleet } from "./nats-setup.ts";

const hello = asDeploymentName("hello");
const score = '{"type":"PodmanV0","data":{"services":[]}}';
const signal = AbortSignal.timeout(100_000);

function manifest(revision: number): Manifest {
  return { sources: ["test"], deployments: { hello: { revision, generation: 1, uid: "u1", source: "test", namespace: "default" } } };
}

const status: DeviceStatus = {
  device: deviceA,
  agentVersion: "1",
  bootId: "b",
  reportedAt: "2026-01-01T00:00:00Z",
  manifestRevision: 1,
  deployments: {},
};
const inventory: DeviceInventory = {
  device: deviceA,
  agentVersion: "1",
  bootId: "b",
  architecture: "arm64",
  capabilities: [],
  labels: {},
  facts: {},
};

describe.each(["plain", "accounts", "shared"] as const)("against a server set up as %s", (setup) => {
  test("desired state goes from the store to the reader", async () => {
    await using fleet = await startFleet(setup);
    const store = await openDesiredState(await fleet.operator(), { log: silent });
    const reader = openDeviceReader(await fleet.device(deviceA), deviceA);
    const noticed: (number | null)[] = [];
    reader.notices((sequence) => noticed.push(sequence), signal);
    expect(await reader.readManifest(signal)).toEqual({ kind: "absent" });

    const written = await store.putScore({ device: deviceA, deployment: hello, scoreString: score, expectedRevision: 0 });
    expect(written).toEqual({ ok: true, revision: 1 });
    expect(await store.putManifest({ device: deviceA, manifest: manifest(1), expectedRevision: 0 })).toEqual({ ok: true, revision: 2 });
    await eventually(() => noticed.includes(2), { what: "the device hears of its manifest" });
    expect(noticed).toEqual([2]);

    const read = await reader.readManifest(signal);
    expect(read).toMatchObject({ kind: "found", revision: 2, manifest: manifest(1) });
    expect(await reader.readScore({ deployment: hello, revision: 1 }, signal)).toEqual({
      kind: "found",
      scoreString: score,
    });

    const snapshot = await store.observe(signal);
    expect(snapshot.manifests.get(deviceA)).toEqual({ revision: 2, manifest: { ok: true, value: manifest(1) } });
    expect(snapshot.scores.get("dev-a.hello")).toEqual({ revision: 1, scoreString: score });

    expect(await store.removeScore({ device: deviceA, deployment: hello, expectedRevision: 1 })).toEqual({ ok: true, revision: 3 });
    expect(await reader.readScore({ deployment: hello, revision: 1 }, signal)).toEqual({ kind: "other-revision", revision: null });
    expect((await store.observe(signal)).scores.get("dev-a.hello")).toEqual({ revision: 3, scoreString: null });
    await store.close();
  });

  test("status and inventory go from the device to the stores", async () => {
    await using fleet = await startFleet(setup);
    const operator = await fleet.operator();
    const statuses = await openStatusStore(operator, { log: silent });
    const inventories = await openInventoryStore(operator, { log: silent });
    const writer = openStatusWriter(await fleet.device(deviceA), deviceA);
    await writer.putStatus(status, signal);
    await writer.putInventory(inventory, signal);

    const seen: StatusEntry[] = [];
    await statuses.watch((entry) => seen.push(entry), signal);
    expect(seen.map((entry) => entry.device)).toEqual([deviceA]);
    expect(seen[0]?.status).toEqual({ ok: true, value: status });
    await writer.putStatus({ ...status, manifestRevision: 9 }, signal);
    await eventually(() => seen.length === 2, { what: "the change is reported" });
    const [listed] = await statuses.list(signal);
    expect(listed?.status).toMatchObject({ ok: true, value: { manifestRevision: 9 } });
    expect((listed?.nowMs ?? 0) - (listed?.receivedAtMs ?? 0)).toBeLessThan(60_000);
    expect(await inventories.list(signal)).toMatchObject([{ device: deviceA, inventory: { ok: true, value: inventory } }]);
  });

  test("a thousand writes in flight together", async () => {
    await using fleet = await startFleet(setup);
    const store = await openDesiredState(await fleet.operator(), { log: silent });
    const names = Array.from({ length: 1_000 }, (_, index) => asDeploymentName(`d-${index}`));
    const results = await Promise.all(
      names.map((deployment) => store.putScore({ device: deviceB, deployment, scoreString: score, expectedRevision: 0 })),
    );
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect((await store.observe(signal)).scores.size).toBe(1_000);
    await store.close();
  });
});
