// Which of two Deployments of one name a device runs, and what the other hears.

import { asDeviceId } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import { complete, deployment, ModelBucket, settle } from "../../test/model-bucket.ts";

const SOURCE = "git:ours";
const OTHER = "kubernetes:theirs";
const pi = asDeviceId("pi-1");

describe("two of one name", () => {
  test("the older keeps it, whichever is read first", () => {
    const old = deployment("hello", ["pi-1"], { namespace: "b", createdAt: "2026-01-01T00:00:00Z", scoreString: "old" });
    const young = deployment("hello", ["pi-1", "pi-2"], { namespace: "a", createdAt: "2026-01-02T00:00:00Z", scoreString: "young" });
    for (const deployments of [
      [old, young],
      [young, old],
    ]) {
      const bucket = new ModelBucket();
      const { blocked } = settle(bucket, complete(deployments));
      expect([bucket.score("pi-1.hello"), bucket.score("pi-2.hello")]).toEqual(["old", "young"]);
      expect(blocked.map(({ subject, reason }) => [subject, reason])).toEqual([[young.uid, "NameConflict"]]);
    }
  });

  test("the one that has it keeps it, older or not", () => {
    const young = deployment("hello", ["pi-1"], { namespace: "a", createdAt: "2026-01-02T00:00:00Z", scoreString: "young" });
    const old = deployment("hello", ["pi-1"], { namespace: "b", createdAt: "2026-01-01T00:00:00Z", scoreString: "old" });
    const bucket = new ModelBucket();
    settle(bucket, complete([young]));
    expect(settle(bucket, complete([young, old])).blocked).toMatchObject([{ subject: old.uid, reason: "NameConflict" }]);
    expect(bucket.score("pi-1.hello")).toBe("young");
  });

  test("of one age, the one that has it keeps it", () => {
    const first = deployment("hello", ["pi-1"], { namespace: "zebra", scoreString: "first" });
    const second = deployment("hello", ["pi-1"], { namespace: "ant", scoreString: "second" });
    const bucket = new ModelBucket();
    settle(bucket, complete([first]));
    settle(bucket, complete([second, first]));
    expect(bucket.score("pi-1.hello")).toBe("first");
  });

  test("the other gets it when the first goes", () => {
    const first = deployment("hello", ["pi-1"], { namespace: "a", scoreString: "first" });
    const second = deployment("hello", ["pi-1"], { namespace: "b", scoreString: "second" });
    const bucket = new ModelBucket();
    settle(bucket, complete([first, second]));
    const { blocked } = settle(bucket, complete([second]));
    expect(blocked).toEqual([]);
    expect(bucket.score("pi-1.hello")).toBe("second");
    // The device removes the first by this, before it starts the second.
    expect(bucket.manifest("pi-1")).toMatchObject({
      deployments: { hello: { namespace: "b" } },
      removed: { hello: { uid: first.uid, namespace: "a" } },
    });
  });

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
});
