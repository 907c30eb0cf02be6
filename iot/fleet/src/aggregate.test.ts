// What a person reads of a Deployment, from what its devices say.

import { asDeviceId, type DeviceStatus, OFFLINE_AFTER_MS } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import { type Counted, conditionsOf, countDevices, type DeviceView, PROGRESS_DEADLINE_SECONDS } from "./aggregate.ts";

type Phase = DeviceStatus["deployments"][string]["phase"];

interface Said {
  readonly phase?: Phase;
  readonly reason?: string;
  readonly message?: string;
  readonly revision?: number;
  readonly ageMs?: number;
  readonly problem?: DeviceStatus["problem"];
  readonly statusIntervalSeconds?: number;
}

/** A device on revision 5 of `hello`, which says `said`; null: it never reported. */
function device(id: string, said: Said | null): DeviceView {
  if (said === null) return { device: asDeviceId(id), revision: 5, status: null };
  const { phase = "Running", reason = phase, message = "", revision = 5, ageMs = 1_000, problem, statusIntervalSeconds } = said;
  const report = {
    phase,
    reason,
    message,
    since: "2026-01-01T00:00:00Z",
    desiredRevision: revision,
    runningRevision: revision,
    services: [],
  };
  const value: DeviceStatus = {
    device: id,
    agentVersion: "1",
    bootId: "b",
    reportedAt: "2026-01-01T00:00:00Z",
    manifestRevision: 6,
    ...(problem === undefined ? {} : { problem }),
    ...(statusIntervalSeconds === undefined ? {} : { statusIntervalSeconds }),
    deployments: { hello: report },
  };
  return { device: asDeviceId(id), revision: 5, status: { ageMs, value: { ok: true, value } } };
}

function fleet(count: number, said: Said | null, from = 0): DeviceView[] {
  return Array.from({ length: count }, (_, index) => device(`pi-${String(from + index).padStart(3, "0")}`, said));
}

function judged(
  devices: readonly DeviceView[],
  waitedMs = 0,
): { counted: Counted; ready: string; reconciling: string; stalled: string; message: string } {
  const counted = countDevices("hello", devices);
  const { Ready, Reconciling, Stalled } = conditionsOf({ counted, blocked: null, waitedMs });
  return {
    counted,
    ready: Ready.status,
    reconciling: Reconciling.status,
    stalled: `${Stalled.status} ${Stalled.reason}`,
    message: Ready.message,
  };
}

const overdueMs = PROGRESS_DEADLINE_SECONDS * 1_000 + 1;

describe("a fleet", () => {
  test("on a metered link is offline after three of its own intervals", () => {
    const metered = { statusIntervalSeconds: 600 };
    expect(judged(fleet(1, { ...metered, ageMs: 1_900_000 })).counted.aggregate).toMatchObject({ running: 1, offline: 0 });
    expect(judged(fleet(1, { ...metered, ageMs: 2_100_000 })).counted.aggregate).toMatchObject({ running: 0, offline: 1 });
  });

  test("that runs it is ready", () => {
    const { ready, reconciling, message } = judged(fleet(12, {}));
    expect([ready, reconciling, message]).toEqual(["True", "False", "12 of 12 run it"]);
  });

  test("with some offline is ready too, and says so", () => {
    const devices = [...fleet(397, {}), ...fleet(2, { ageMs: OFFLINE_AFTER_MS + 1 }, 397), device("pi-399", null)];
    expect(judged(devices)).toMatchObject({
      ready: "True",
      reconciling: "False",
      message: "397 of 400 run it; 3 are offline and will follow",
    });
  });

  test("where some are on the way is reconciling", () => {
    const { counted, ready, reconciling, message } = judged([...fleet(2, {}), ...fleet(1, { phase: "Pulling" }, 2)]);
    expect(counted.aggregate).toMatchObject({ devices: 3, running: 2, pending: 1, failed: 0, offline: 0, failures: [] });
    expect([ready, reconciling, message]).toEqual(["False", "True", "2 of 3 run it; 1 is on the way"]);
  });

  test("with one that fails names it and why", () => {
    const { ready, reconciling, message } = judged([
      ...fleet(2, {}),
      device("pi-9", { phase: "Blocked", reason: "PortInUse", message: "port 80 is taken by nginx" }),
    ]);
    expect([ready, reconciling]).toEqual(["False", "True"]);
    expect(message).toBe("2 of 3 run it; 1 does not (PortInUse on pi-9: port 80 is taken by nginx)");
  });

  test("that is all offline is waited for, but not for ever", () => {
    const devices = fleet(3, null);
    expect(judged(devices)).toMatchObject({ ready: "False", reconciling: "True", message: "0 of 3 run it; 3 are offline and will follow" });
    expect(judged(devices, overdueMs)).toMatchObject({ ready: "False", reconciling: "False", stalled: "True ProgressDeadlineExceeded" });
  });

  test("that fails for ten minutes is stalled with the failure's reason", () => {
    const devices = [...fleet(2, {}), device("pi-9", { phase: "Failed", reason: "ImageNotFound" })];
    expect(judged(devices, overdueMs).stalled).toBe("True ImageNotFound");
  });

  test("that rejects it everywhere is stalled at once; rejected by some it is not", () => {
    const rejected = fleet(3, { phase: "Rejected", reason: "InvalidScore", message: "no such field" });
    expect(judged([...rejected, device("pi-9", null)])).toMatchObject({ ready: "False", stalled: "True Rejected" });
    expect(judged([...rejected, device("pi-9", {})]).stalled).toBe("False InvalidScore");
  });
});

describe("a report", () => {
  test("on another revision is no answer yet", () => {
    expect(judged([device("pi-1", { revision: 4 })]).counted.aggregate).toMatchObject({ running: 0, pending: 1 });
  });

  test("is not waited for where nothing was written yet", () => {
    expect(judged([{ ...device("pi-1", {}), revision: null }]).counted.aggregate).toMatchObject({ running: 0, pending: 1 });
  });

  test("of a device that cannot read its manifest is a failure with that reason", () => {
    const problem = { reason: "InvalidManifest", message: "it is no JSON", since: "2026-01-01T00:00:00Z" };
    expect(judged([device("pi-1", { revision: 4, problem })]).counted.aggregate.failures).toEqual([
      { reason: "InvalidManifest", message: "it is no JSON", devices: 1, examples: ["pi-1"] },
    ]);
  });

  test("that does not parse is a failure, not silence", () => {
    const view: DeviceView = {
      device: asDeviceId("pi-1"),
      revision: 5,
      status: { ageMs: 0, value: { ok: false, issues: [{ path: ["device"], message: "is missing" }] } },
    };
    expect(judged([view]).counted.aggregate.failures).toMatchObject([{ reason: "InvalidStatus", devices: 1 }]);
  });
});

test("failures are grouped by reason, at most ten of them, with three examples each", () => {
  const many = Array.from({ length: 12 }, (_, index) =>
    fleet(index + 1, { phase: "Failed", reason: `Reason${String(index).padStart(2, "0")}` }, index * 20),
  ).flat();
  const { failures, failed } = judged(many).counted.aggregate;
  expect(failed).toBe(78);
  expect(failures).toHaveLength(10);
  expect(failures[0]).toEqual({ reason: "Reason11", message: "", devices: 12, examples: ["pi-220", "pi-221", "pi-222"] });
});

test("a Deployment that cannot be served says why, whatever its devices run", () => {
  const blocked = { reason: "NameConflict", message: "a/hello already has the name" };
  const { Ready, Reconciling, Stalled } = conditionsOf({ counted: countDevices("hello", fleet(2, {})), blocked, waitedMs: 0 });
  expect([Ready, Reconciling, Stalled]).toEqual([
    { status: "False", ...blocked },
    { status: "False", ...blocked },
    { status: "True", ...blocked },
  ]);
});
