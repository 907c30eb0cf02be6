// Which namespaces a device takes: what is not taken is not served, and what is not taken any more
// stays as it is.

import { asDeviceId } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import { complete, deployment, ModelBucket, planFor, settle, writesOf } from "../../test/model-bucket.ts";
import type { AllowedNamespaces, SourceDeployment } from "../sources/source.ts";

const PLANT = deployment("hello", ["pi-1", "pi-2"], { namespace: "plant", scoreString: "one" });
const only = (...namespaces: string[]): AllowedNamespaces => new Map([[asDeviceId("pi-1"), new Set(namespaces)]]);
const sourceOf = (deployments: readonly SourceDeployment[], allowed?: AllowedNamespaces) =>
  complete(deployments, allowed === undefined ? {} : { allowed });

test("a Deployment of another namespace is not served there, and says so; elsewhere it is", () => {
  const bucket = new ModelBucket();
  const { blocked } = settle(bucket, sourceOf([PLANT], only("office", "lab")));
  expect([bucket.score("pi-1.hello"), bucket.score("pi-2.hello")]).toEqual([null, "one"]);
  expect(blocked).toEqual([
    {
      subject: PLANT.uid,
      reason: "DeviceNotAllowed",
      message:
        "pi-1 does not take Deployments of the namespace plant, and keeps what it has of it: " +
        "add it to spec.allowedNamespaces of the Device, or take the device out of spec.targetDevices",
    },
  ]);
  settle(bucket, sourceOf([PLANT], only("office", "plant")));
  expect(bucket.score("pi-1.hello")).toBe("one");
});

describe("when a right is withdrawn", () => {
  const standing = (): ModelBucket => {
    const bucket = new ModelBucket();
    settle(bucket, sourceOf([PLANT], only("plant")));
    return bucket;
  };

  test("nothing is removed, and changes stop", () => {
    const bucket = standing();
    const before = bucket.manifest("pi-1");
    const next = { ...PLANT, generation: 2, scoreString: "two" };
    settle(bucket, sourceOf([next], only("office")));
    expect(bucket.manifest("pi-1")).toEqual(before);
    expect([bucket.score("pi-1.hello"), bucket.score("pi-2.hello")]).toEqual(["one", "two"]);
  });

  test("another namespace that is taken does not get its name", () => {
    const bucket = standing();
    const other = deployment("hello", ["pi-1"], { namespace: "office", scoreString: "other" });
    const { blocked } = settle(bucket, sourceOf([PLANT, other], only("office")));
    expect(bucket.score("pi-1.hello")).toBe("one");
    expect(blocked.map(({ subject, reason }) => [subject, reason])).toEqual([
      [other.uid, "NameConflict"],
      [PLANT.uid, "DeviceNotAllowed"],
    ]);
  });

  test("and the Deployment is deleted, it goes as any other", () => {
    const bucket = standing();
    settle(bucket, sourceOf([PLANT], only("office")));
    settle(bucket, sourceOf([], only("office")));
    expect(bucket.manifest("pi-1")?.deployments).toEqual({});
  });

  test("and given again, nothing restarts", () => {
    const bucket = standing();
    settle(bucket, sourceOf([PLANT], only("office")));
    expect(writesOf(planFor(bucket, sourceOf([PLANT], only("plant"))))).toEqual([]);
    expect(writesOf(planFor(bucket, sourceOf([PLANT])))).toEqual([]);
  });
});
