// Garbage, truncated and foreign bytes in each bucket: reported as unreadable where they stand,
// never thrown, and nothing removed.

import { asDeploymentName, type Manifest } from "@iot/contracts";
import { headers } from "@nats-io/nats-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type DesiredStateStore,
  type Messaging,
  openDesiredState,
  openDeviceReader,
  openInventoryStore,
  openStatusStore,
} from "../src/index.ts";
import { containing, deviceA, deviceB, type Fleet, silent, startFleet } from "./nats-setup.ts";

const hello = asDeploymentName("hello");
const signal = AbortSignal.timeout(100_000);
const good: Manifest = {
  sources: ["test"],
  deployments: { hello: { revision: 1, generation: 1, uid: "u1", source: "test", namespace: "default" } },
};
const goodScore = '{"type":"PodmanV0","data":{}}';

let fleet: Fleet;
let operator: Messaging;
let store: DesiredStateStore;

beforeAll(async () => {
  fleet = await startFleet("plain");
  operator = await fleet.operator();
  store = await openDesiredState(operator, { log: silent });
  const score = await store.putScore({ device: deviceB, deployment: hello, scoreString: goodScore, expectedRevision: 0 });
  if (score.ok) await store.putManifest({ device: deviceB, manifest: good, expectedRevision: 0 });
});
afterAll(async () => {
  await store.close();
  await fleet[Symbol.asyncDispose]();
});
// Whatever was put for the one device, the other's stands.
beforeEach(async () => {
  const snapshot = await store.observe(signal);
  expect(snapshot.manifests.get(deviceB)?.manifest).toEqual({ ok: true, value: good });
  expect(snapshot.scores.get("dev-b.hello")?.scoreString).toBe(goodScore);
});

const bytes: [string, Uint8Array][] = [
  ["nothing", new Uint8Array()],
  ["a truncated document", new TextEncoder().encode('{"sources":["test"],"deployments":{"hel')],
  ["bytes that are no text", new Uint8Array([0xff, 0xfe, 0x00, 0x80])],
  ["JSON of another kind", new TextEncoder().encode("[1,2,3]")],
  ["null", new TextEncoder().encode("null")],
  ["a document with a foreign field in the place of ours", new TextEncoder().encode('{"sources":7,"deployments":{"NOT a label":{}}}')],
  ["deeply nested brackets", new TextEncoder().encode("[".repeat(100_000))],
];

async function put(subject: string, data: Uint8Array): Promise<number> {
  const answer: unknown = (await operator.connection.request(subject, data, { timeout: 2_000 })).json();
  if (typeof answer === "object" && answer !== null && "seq" in answer && typeof answer.seq === "number") return answer.seq;
  throw new Error(`not written: ${JSON.stringify(answer)}`);
}

describe.each(bytes)("%s", (_what, data) => {
  test("as a manifest", async () => {
    await put("$KV.desired-state.dev-a", data);
    const reader = openDeviceReader(await fleet.device(deviceA), deviceA);
    const read = await reader.readManifest(signal);
    expect(read).toMatchObject({ kind: "unreadable", reason: "InvalidManifest", message: containing("what runs stays") });
    expect((await store.observe(signal)).manifests.get(deviceA)?.manifest.ok).toBe(false);
  });

  test("as a Score", async () => {
    const revision = await put("$KV.desired-state.dev-a.hello", data);
    const reader = openDeviceReader(await fleet.device(deviceA), deviceA);
    expect(await reader.readScore({ deployment: hello, revision }, signal)).toMatchObject({ kind: "unreadable", reason: "InvalidScore" });
    expect((await store.observe(signal)).scores.get("dev-a.hello")?.revision).toBe(revision);
  });

  test("as a status and as an inventory", async () => {
    const statuses = await openStatusStore(operator, { log: silent });
    const inventories = await openInventoryStore(operator, { log: silent });
    await put("$KV.status.dev-a", data);
    await put("$KV.inventory.dev-a", data);
    expect(await statuses.list(signal)).toMatchObject([{ device: deviceA, status: { ok: false } }]);
    expect(await inventories.list(signal)).toMatchObject([{ device: deviceA, inventory: { ok: false } }]);
  });
});

test("a status that claims to be another device's is reported as unreadable under its key", async () => {
  const statuses = await openStatusStore(operator, { log: silent });
  const claimed = { device: deviceB, agentVersion: "1", bootId: "b", reportedAt: "", manifestRevision: null, deployments: {} };
  await put("$KV.status.dev-a", new TextEncoder().encode(JSON.stringify(claimed)));
  expect(await statuses.list(signal)).toMatchObject([
    {
      device: deviceA,
      status: { ok: false, issues: [{ path: ["device"], message: 'expected "dev-a", whose entry this is, found "dev-b"' }] },
    },
  ]);
});

test("foreign keys are named, and not a device's", async () => {
  await put("$KV.desired-state.Upper.case", new Uint8Array([1]));
  await put("$KV.desired-state.a.b.c", new Uint8Array([1]));
  await put("$KV.desired-state.under_score", new Uint8Array([1]));
  await put("$KV.status.a.b", new Uint8Array([1]));
  const snapshot = await store.observe(signal);
  expect(snapshot.foreignKeys.toSorted()).toEqual(["Upper.case", "a.b.c", "under_score"]);
  const statuses = await openStatusStore(operator, { log: silent });
  expect((await statuses.list(signal)).map(({ device }) => device)).toEqual([deviceA]);
});

test("a purged manifest is absent for the device, and for the operator a key whose next write expects the marker", async () => {
  const purge = headers();
  purge.set("KV-Operation", "PURGE");
  purge.set("Nats-Rollup", "sub");
  await operator.connection.request("$KV.desired-state.dev-a", "", { headers: purge, timeout: 2_000 });
  const reader = openDeviceReader(await fleet.device(deviceA), deviceA);
  expect(await reader.readManifest(signal)).toEqual({ kind: "absent" });
  const seen = (await store.observe(signal)).manifests.get(deviceA);
  expect(seen?.manifest).toEqual({ ok: true, value: { sources: [], deployments: {}, removed: {} } });
  expect(await store.putManifest({ device: deviceA, manifest: good, expectedRevision: 0 })).toMatchObject({ ok: false });
  expect(await store.putManifest({ device: deviceA, manifest: good, expectedRevision: seen?.revision ?? 0 })).toMatchObject({ ok: true });
});

test("a document that is too large is refused for good, before and by the server", async () => {
  const large = (size: number): Manifest => ({ ...good, sources: ["x".repeat(size)] });
  const revision = (await store.observe(signal)).manifests.get(deviceA)?.revision ?? 0;
  for (const size of [600 * 1024, 2 * 1024 * 1024]) {
    await expect(store.putManifest({ device: deviceA, manifest: large(size), expectedRevision: revision })).rejects.toMatchObject({
      code: "TooLarge",
      retry: "never",
    });
  }
});
