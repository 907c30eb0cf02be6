// Buckets, keys, subjects and the resource's names are those of v0.1.0: devices and operators in
// use do not find anything under another name.

import { expect, test } from "vitest";
import {
  API_GROUP,
  API_VERSION,
  asDeploymentName,
  asDeviceId,
  BUCKETS,
  DEPLOYMENT_KIND,
  directGetSubject,
  keys,
  notifySubject,
  scoreString,
  subjects,
} from "./index.ts";

const device = asDeviceId("pi-1");
const hello = asDeploymentName("hello");

test("the resource", () => {
  expect([API_GROUP, API_VERSION, DEPLOYMENT_KIND]).toEqual(["iot.nationtech.io", "iot.nationtech.io/v1alpha1", "Deployment"]);
});

test("the buckets", () => {
  const settings = Object.entries(BUCKETS).map(([name, { description: _, ...more }]) => [name, more]);
  expect(Object.fromEntries(settings)).toEqual({
    "desired-state": {
      history: 1,
      allowRollup: true,
      republish: { from: "$KV.desired-state.*", to: "notify.desired-state.{{wildcard(1)}}" },
      maxValueBytes: 524_288,
    },
    status: { history: 1, allowRollup: false, republish: null, maxValueBytes: 65_536 },
    inventory: { history: 1, allowRollup: false, republish: null, maxValueBytes: 32_768 },
    // Since 0.2.
    sources: { history: 1, allowRollup: false, republish: null, maxValueBytes: 1_047_552 },
    grants: { history: 1, allowRollup: false, republish: null, maxValueBytes: 16_384 },
    enrolments: { history: 1, allowRollup: false, republish: null, maxValueBytes: 65_536 },
    devices: { history: 1, allowRollup: false, republish: null, maxValueBytes: 262_144 },
  });
});

test("keys and subjects", () => {
  expect([keys.manifest(device), keys.score(device, hello), keys.status(device), keys.inventory(device)]).toEqual([
    "pi-1",
    "pi-1.hello",
    "pi-1",
    "pi-1",
  ]);
  expect([subjects.manifest(device), subjects.score(device, hello), subjects.status(device), subjects.inventory(device)]).toEqual([
    "$KV.desired-state.pi-1",
    "$KV.desired-state.pi-1.hello",
    "$KV.status.pi-1",
    "$KV.inventory.pi-1",
  ]);
  expect(notifySubject(device)).toBe("notify.desired-state.pi-1");
  expect(directGetSubject("desired-state", subjects.manifest(device))).toBe("$JS.API.DIRECT.GET.KV_desired-state.$KV.desired-state.pi-1");
});

test("a Score's string", () => {
  expect(scoreString({ type: "PodmanV0", data: { b: [1, { d: "é", c: null }], a: "x" } })).toBe(
    '{"type":"PodmanV0","data":{"a":"x","b":[1,{"c":null,"d":"é"}]}}',
  );
});
