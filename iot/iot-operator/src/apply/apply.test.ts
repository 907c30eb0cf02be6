// The order of writes, and what a write that fails does to the others.

import { createLog } from "@harmony/runtime";
import { asDeviceId } from "@iot/contracts";
import { type DesiredStateStore, MessagingError } from "@iot/messaging";
import { expect, test } from "vitest";
import { complete, deployment, ModelBucket } from "../../test/model-bucket.ts";
import { apply } from "./apply.ts";
import { plan, type Step } from "../plan/plan.ts";

const log = createLog({ name: "test", write: () => undefined });
const { signal } = new AbortController();

function stepsFor(bucket: ModelBucket, devices: readonly string[]): readonly Step[] {
  const source = complete([deployment("hello", devices)]);
  return plan({
    sourceId: "git:test",
    source,
    desired: bucket.snapshot(),
    reported: new Map(),
    mayRemove: () => false,
    abandoned: new Set(),
  }).steps;
}

/** The model as a store, with what was asked of it in order; `fault` may throw. */
function storeOf(bucket: ModelBucket, fault: (device: string) => void = () => undefined): { store: DesiredStateStore; asked: string[] } {
  const asked: string[] = [];
  const store: DesiredStateStore = {
    observe: () => Promise.resolve(bucket.snapshot()),
    onChange: () => undefined,
    putScore: async ({ device, deployment: name, scoreString, expectedRevision }) => {
      asked.push(`score ${device}`);
      return bucket.putScore(`${device}.${name}`, scoreString, expectedRevision);
    },
    putManifest: async ({ device, manifest, expectedRevision }) => {
      asked.push(`manifest ${device}`);
      fault(device);
      return bucket.putManifest(device, manifest, expectedRevision);
    },
    removeScore: async ({ device, deployment: name, expectedRevision }) => bucket.putScore(`${device}.${name}`, null, expectedRevision),
    problem: () => null,
    close: () => Promise.resolve(),
  };
  return { store, asked };
}

test("the manifest names the revision that its score was given", async () => {
  const bucket = new ModelBucket();
  const { store, asked } = storeOf(bucket);
  expect(await apply(stepsFor(bucket, ["pi-1"]), { store, signal, log })).toEqual({ writes: 2, conflicts: [], refused: [] });
  expect(asked).toEqual(["score pi-1", "manifest pi-1"]);
  expect(bucket.manifest("pi-1")?.deployments["hello"]?.revision).toBe(1);
});

test("a conflict leaves that device, and no other", async () => {
  const bucket = new ModelBucket();
  const steps = stepsFor(bucket, ["pi-1", "pi-2"]);
  bucket.putScore("pi-1.hello", "somebody else's", 0);
  const { store, asked } = storeOf(bucket);
  expect(await apply(steps, { store, signal, log })).toEqual({ writes: 2, conflicts: ["pi-1"], refused: [] });
  expect(asked).not.toContain("manifest pi-1");
  expect(bucket.manifest("pi-2")).toBeDefined();
});

test("a device whose manifest can never be written does not hold up the others", async () => {
  const bucket = new ModelBucket();
  const { store } = storeOf(bucket, (device) => {
    if (device === "pi-1") throw new MessagingError("TooLarge", "larger than the server takes");
  });
  const result = await apply(stepsFor(bucket, ["pi-1", "pi-2"]), { store, signal, log });
  expect(result.refused).toEqual([asDeviceId("pi-1")]);
  expect(bucket.manifest("pi-2")).toBeDefined();
});

test("a write that may succeed later ends the pass with its error", async () => {
  const bucket = new ModelBucket();
  const { store } = storeOf(bucket, () => {
    throw new MessagingError("Timeout", "no answer");
  });
  await expect(apply(stepsFor(bucket, ["pi-1", "pi-2"]), { store, signal, log })).rejects.toThrow("no answer");
});
