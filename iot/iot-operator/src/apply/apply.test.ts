// The order of writes, and what a write that fails does to the others.

import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId } from "@iot/contracts";
import { MessagingError } from "@iot/messaging";
import { expect, test } from "vitest";
import { complete, deployment, ModelBucket, planFor } from "../../test/model-bucket.ts";
import type { RemovalRecord } from "../plan/removals/record.ts";
import { apply, type ApplyOptions } from "./apply.ts";
import type { Step } from "../plan/steps.ts";

const log = createLog({ name: "test", write: () => undefined });
const { signal } = new AbortController();

function stepsFor(bucket: ModelBucket, devices: readonly string[]): readonly Step[] {
  return planFor(bucket, complete([deployment("hello", devices)])).steps;
}

/** The model as stores, with what was asked of them in order; `fault` may throw. */
function storesOf(bucket: ModelBucket, fault: (device: string) => void = () => undefined): { to: ApplyOptions; asked: string[] } {
  const asked: string[] = [];
  const store: ApplyOptions["store"] = {
    putScore: async ({ device, deployment: name, scoreString, expectedRevision }) => {
      asked.push(`score ${device}`);
      fault(device);
      return bucket.putScore(`${device}.${name}`, scoreString, expectedRevision);
    },
    putManifest: async ({ device, manifest, expectedRevision }) => {
      asked.push(`manifest ${device}`);
      fault(device);
      return bucket.putManifest(device, manifest, expectedRevision);
    },
    removeScore: async ({ device, deployment: name, expectedRevision }) => {
      asked.push(`remove ${device}`);
      return bucket.putScore(`${device}.${name}`, null, expectedRevision);
    },
  };
  const putRecord = async (record: RemovalRecord, expectedRevision: number) => {
    asked.push("record");
    return bucket.putRecord(record, expectedRevision);
  };
  const carryOut: ApplyOptions["carryOut"] = async (steps) => {
    for (const { kind, object } of steps) asked.push(`${kind} ${object.name}`);
    return new Map();
  };
  return { to: { store, putRecord, carryOut, orphans: new Set(), signal, log }, asked };
}

test("the manifest names the revision that its score was given", async () => {
  const bucket = new ModelBucket();
  const { to, asked } = storesOf(bucket);
  expect(await apply(stepsFor(bucket, ["pi-1"]), to)).toMatchObject({ writes: 2, conflicts: [], refused: [], record: "written" });
  expect(asked).toEqual(["record", "score pi-1", "manifest pi-1"]);
  expect(bucket.manifest("pi-1")?.deployments["hello"]?.revision).toBe(1);
});

test("a conflict leaves that device, and no other", async () => {
  const bucket = new ModelBucket();
  const steps = stepsFor(bucket, ["pi-1", "pi-2"]);
  bucket.putScore("pi-1.hello", "somebody else's", 0);
  const { to, asked } = storesOf(bucket);
  expect(await apply(steps, to)).toMatchObject({ writes: 2, conflicts: ["pi-1"], refused: [] });
  expect(asked).not.toContain("manifest pi-1");
  expect(bucket.manifest("pi-2")).toBeDefined();
});

test("what the record was not given is not written anywhere", async () => {
  const bucket = new ModelBucket();
  const steps = stepsFor(bucket, ["pi-1"]);
  bucket.putRecord(bucket.record, 0);
  const { to, asked } = storesOf(bucket);
  expect(await apply(steps, to)).toMatchObject({ writes: 0, record: "conflict" });
  expect(asked).toEqual(["record"]);
});

test("a device whose manifest can never be written does not hold up the others", async () => {
  const bucket = new ModelBucket();
  const { to } = storesOf(bucket, (device) => {
    if (device === "pi-1") throw new MessagingError("TooLarge", "larger than the server takes");
  });
  const result = await apply(stepsFor(bucket, ["pi-1", "pi-2"]), to);
  expect(result.refused).toEqual([asDeviceId("pi-1")]);
  expect(bucket.manifest("pi-2")).toBeDefined();
});

const noRoom = (): never => {
  throw new MessagingError("StoreFull", "the store is full: raise max_file_store");
};

test("a store that is full for one device is reported, and the others go on", async () => {
  const bucket = new ModelBucket();
  const { to } = storesOf(bucket, (device) => (device === "pi-1" ? noRoom() : undefined));
  const result = await apply(stepsFor(bucket, ["pi-1", "pi-2"]), to);
  expect(result).toMatchObject({ writes: 2, full: { why: "the store is full: raise max_file_store", devices: ["pi-1"] } });
  expect(bucket.manifest("pi-2")).toBeDefined();
});

test("what nobody names goes first, and alone where there is no room for the record", async () => {
  const bucket = new ModelBucket();
  bucket.putScore("pi-1.left", "{}", 0);
  const stray = { kind: "remove-score", device: asDeviceId("pi-1"), deployment: asDeploymentName("left"), expectedRevision: 1 } as const;
  const { to, asked } = storesOf(bucket);
  const steps = [...stepsFor(bucket, ["pi-1"]), stray];
  const orphans = new Set(["pi-1.left@1"]);
  const result = await apply(steps, { ...to, orphans, putRecord: async () => noRoom() });
  expect(asked).toEqual(["remove pi-1"]);
  expect(result).toMatchObject({ writes: 1, record: null, full: { devices: ["pi-1"] } });
  await apply(stepsFor(bucket, ["pi-1"]), { ...to, orphans });
  expect(asked).toEqual(["remove pi-1", "record", "score pi-1", "manifest pi-1"]);
});

test("devices that give up something are written before those that want room", async () => {
  const bucket = new ModelBucket();
  const { to, asked } = storesOf(bucket);
  const device = asDeviceId("pi-2");
  const leave: Step = { kind: "put-manifest", device, manifest: { sources: [], deployments: {} }, follows: [], expectedRevision: 0 };
  await apply([...stepsFor(bucket, ["pi-1"]), leave], to);
  expect(asked).toEqual(["record", "manifest pi-2", "score pi-1", "manifest pi-1"]);
});

test("a write that may succeed later ends the pass with its error", async () => {
  const bucket = new ModelBucket();
  const { to } = storesOf(bucket, () => {
    throw new MessagingError("Timeout", "no answer");
  });
  await expect(apply(stepsFor(bucket, ["pi-1", "pi-2"]), to)).rejects.toThrow("no answer");
});
