// How long the mark of a removal stands, and beside what.

import { asDeviceId } from "@iot/contracts";
import { expect, test } from "vitest";
import { complete, deployment, ModelBucket, settle } from "../../test/model-bucket.ts";

const SOURCE = "git:ours";
const OTHER = "kubernetes:theirs";
const pi = asDeviceId("pi-1");

test("of two sources the other gets it when the first goes, and the mark of the first stands until the device says so", () => {
  const bucket = new ModelBucket();
  settle(bucket, complete([deployment("hello", ["pi-1"])]));
  settle(bucket, complete([]));
  const second = { ...deployment("hello", ["pi-1"]), uid: "theirs" };
  settle(bucket, complete([second]), { sourceId: OTHER });
  const both = {
    deployments: { hello: { source: OTHER, uid: "theirs" } },
    removed: { hello: { uid: "uid-default-hello", source: SOURCE } },
  };
  expect(bucket.manifest("pi-1")).toMatchObject(both);
  settle(bucket, complete([]));
  expect(bucket.manifest("pi-1")).toMatchObject(both);
  const manifestRevision = bucket.snapshot().manifests.get(pi)?.revision ?? 0;
  const reported = new Map([[pi, { manifestRevision, deployments: new Set(["hello"]) }]]);
  settle(bucket, complete([second]), { sourceId: OTHER, reported });
  expect(bucket.manifest("pi-1")).toMatchObject({ deployments: { hello: { source: OTHER } }, removed: {} });
  expect(bucket.manifest("pi-1")?.removed).toEqual({});
});
