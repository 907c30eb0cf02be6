// What is done to one device's object, as a table.

import { asDeviceId, type DeviceInventory, type DeviceStatus, type Manifest } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import type { DeviceObject } from "../sources/device-objects.ts";
import { statusOf } from "../../test/status-of.ts";
import { FORGOTTEN_AFTER_MS } from "./plan-forget.ts";
import { type DevicePlan, type KnownOfDevice, planDevice, SEEN_EVERY_MS, WORDS_EVERY_MS } from "./plan-device.ts";

const device = asDeviceId("pi-1");
const NOW_MS = Date.parse("2026-03-01T00:00:00Z");
const DAY_MS = 24 * 60 * 60_000;

const manifest: Manifest = {
  sources: ["git:test"],
  deployments: { hello: { revision: 7, generation: 1, uid: "u", source: "git:test", namespace: "default" } },
};
const running = statusOf("pi-1", { hello: { revision: 7 } });
const inventory: DeviceInventory = {
  device,
  agentVersion: "1",
  bootId: "b",
  architecture: "arm64",
  capabilities: [],
  labels: {},
  facts: { model: "Pi" },
};

function known(more: Partial<KnownOfDevice> & { readonly said?: DeviceStatus; readonly ageMs?: number } = {}): KnownOfDevice {
  const { said = running, ageMs = 0, nowMs = NOW_MS, ...others } = more;
  const receivedAtMs = nowMs - ageMs;
  const reportedAt = new Date(receivedAtMs).toISOString();
  return {
    device,
    object: null,
    isDefinitionGoing: false,
    heard: { device, receivedAtMs, nowMs, status: { ok: true, value: { ...said, reportedAt } } },
    inventory: { ok: true, value: inventory },
    manifest: { ok: true, value: manifest },
    labels: {},
    nowMs,
    writtenAgoMs: Infinity,
    ...others,
  };
}

const object = (more: Partial<DeviceObject> = {}): DeviceObject => ({
  device,
  uid: "u",
  generation: 1,
  isDeleting: false,
  isClaimed: true,
  status: {},
  ...more,
});

/** The object as it is when what is known was written. */
function written(of: KnownOfDevice, more: Partial<DeviceObject> = {}): DeviceObject {
  const [step] = planDevice({ ...of, object: object(more) }).steps;
  if (step?.kind !== "put-status") throw new Error("nothing is written");
  return object({ ...more, status: step.status });
}

const kinds = ({ steps }: DevicePlan): string[] => steps.map(({ kind }) => kind);
const readyOf = (plan: DevicePlan): string => {
  const [step] = plan.steps;
  const ready = step?.kind === "put-status" ? step.status.conditions?.find(({ type }) => type === "Ready") : undefined;
  return `${ready?.status} ${ready?.reason}`;
};

describe("an object is made", () => {
  test("for a device that reported, with the labels of its approval, once", () => {
    expect(planDevice(known({ labels: { site: "plant-7" } })).steps).toEqual([{ kind: "make", device, labels: { site: "plant-7" } }]);
    expect(kinds(planDevice(known({ heard: null })))).toEqual(["make"]);
    expect(kinds(planDevice(known({ object: object({ isClaimed: false }) })))).toEqual(["claim"]);
  });

  test("for none that only has something to run", () => {
    expect(planDevice(known({ heard: null, inventory: null }))).toEqual({ steps: [], isRoutine: true, recheckAfterMs: null });
  });
});

test.each<[string, Partial<Parameters<typeof known>[0]>, string]>([
  ["it runs what it should", {}, "True Running"],
  ["nothing is to run", { manifest: null, said: statusOf("pi-1", {}) }, "True Running"],
  ["it has not answered to a revision", { said: statusOf("pi-1", { hello: { revision: 6 } }) }, "False Progressing"],
  ["one fails", { said: statusOf("pi-1", { hello: { revision: 7, phase: "Failed" } }) }, "False Failed"],
  ["it cannot follow", { said: { ...running, problem: { reason: "InvalidManifest", message: "m", since: "" } } }, "False InvalidManifest"],
  ["it is silent", { ageMs: 101_000 }, "Unknown Silent"],
  ["it reports seldom", { said: { ...running, statusIntervalSeconds: 600 }, ageMs: 101_000 }, "True Running"],
  [
    "what it says cannot be read",
    { heard: { device, receivedAtMs: NOW_MS, nowMs: NOW_MS, status: { ok: false, issues: [] } } },
    "False InvalidStatus",
  ],
  ["it never reported", { heard: null }, "Unknown NeverReported"],
])("%s", (_what, of, expected) => {
  expect(readyOf(planDevice({ ...known(of), object: object() }))).toBe(expected);
});

describe("what stands is written again", () => {
  test("not as long as it says the same, until it was seen for ten minutes", () => {
    const standing = written(known());
    const after = (ms: number): DevicePlan => planDevice(known({ nowMs: NOW_MS + ms, object: standing }));
    expect(kinds(after(SEEN_EVERY_MS - 1_000))).toEqual([]);
    expect(after(SEEN_EVERY_MS)).toMatchObject({ steps: [{ kind: "put-status" }], isRoutine: true });
  });

  test("at once when it falls silent, and it is looked at when that is due", () => {
    const standing = written(known());
    const quiet = planDevice({ ...known(), object: standing });
    expect(quiet).toEqual({ steps: [], isRoutine: true, recheckAfterMs: 100_001 });
    const silent = planDevice({ ...known({ ageMs: 100_001 }), object: standing });
    expect([readyOf(silent), silent.isRoutine]).toEqual(["Unknown Silent", false]);
  });

  test("once a minute where only words are others", () => {
    const failing = (message: string): KnownOfDevice => {
      const said = statusOf("pi-1", { hello: { revision: 7, phase: "Failed" } });
      const report = said.deployments["hello"];
      return known({ said: { ...said, deployments: report === undefined ? {} : { hello: { ...report, message } } } });
    };
    const standing = written(failing("a"));
    const soon = planDevice({ ...failing("b"), object: standing, writtenAgoMs: 1_000 });
    expect(soon).toMatchObject({ steps: [], recheckAfterMs: WORDS_EVERY_MS - 1_000 });
    expect(kinds(planDevice({ ...failing("b"), object: standing, writtenAgoMs: WORDS_EVERY_MS }))).toEqual(["put-status"]);
  });

  test("a condition's time moves with its status alone", () => {
    const standing = written(known());
    const later = {
      ...known({ said: statusOf("pi-1", { hello: { revision: 7, phase: "Failed" } }) }),
      nowMs: NOW_MS + 60_000,
      object: standing,
    };
    const [step] = planDevice(later).steps;
    const times =
      step?.kind === "put-status" ? step.status.conditions?.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]) : [];
    expect(times?.[0]).toEqual(["Ready", "2026-03-01T00:01:00Z"]);
    expect(times?.[1]).toEqual(["Online", "2026-03-01T00:00:00Z"]);
  });
});

describe("one that is being deleted", () => {
  const deleting = object({ isDeleting: true });

  test("stays while the device reports, says why, and is looked at when a day is over", () => {
    const plan = planDevice({ ...known({ ageMs: 60_000 }), object: deleting });
    expect(readyOf(plan)).toBe("True StillReporting");
    expect(plan.recheckAfterMs).toBe(DAY_MS - 60_000);
    expect(kinds(planDevice({ ...known({ ageMs: DAY_MS - 1 }), object: deleting }))).toEqual(["put-status"]);
  });

  test("is forgotten after a day of silence, and before it ever reported", () => {
    expect(kinds(planDevice({ ...known({ ageMs: FORGOTTEN_AFTER_MS }), object: deleting }))).toEqual(["forget", "release"]);
    expect(kinds(planDevice({ ...known({ heard: null, inventory: null }), object: deleting }))).toEqual(["forget", "release"]);
  });

  test("with its definition is let go, and nothing is forgotten", () => {
    expect(kinds(planDevice({ ...known(), object: deleting, isDefinitionGoing: true }))).toEqual(["release"]);
  });

  test("that is not ours to hold is left alone", () => {
    expect(kinds(planDevice({ ...known(), object: { ...deleting, isClaimed: false } }))).toEqual([]);
  });
});
