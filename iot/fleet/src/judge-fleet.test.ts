import type { Phase } from "@harmony/core";
import { asDeviceId, type DeploymentReport, type DeviceId, type DeviceStatus, type Manifest } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import { type DeploymentRow, type DesiredManifests, type Fleet, type HeardStatus, judgeFleet } from "./judge-fleet.ts";

const NOW = Date.parse("2026-06-01T12:00:00Z");
const iso = (secondsAgo: number): string => new Date(NOW - secondsAgo * 1000).toISOString();

function report(phase: Phase, message: string, more: Partial<DeploymentReport> = {}): DeploymentReport {
  return {
    phase,
    reason: phase,
    message,
    since: iso(600),
    desiredRevision: 7,
    runningRevision: phase === "Running" ? 7 : null,
    services: [],
    ...more,
  };
}

function heard(
  device: string,
  deployments: DeviceStatus["deployments"],
  more: Partial<DeviceStatus> & { secondsAgo?: number } = {},
): HeardStatus {
  const { secondsAgo = 10, ...status } = more;
  return {
    device: asDeviceId(device),
    receivedAtMs: NOW - secondsAgo * 1000,
    nowMs: NOW,
    status: {
      ok: true,
      value: { device, agentVersion: "0.1.0", bootId: "b", reportedAt: iso(secondsAgo), manifestRevision: 9, deployments, ...status },
    },
  };
}

function desired(
  of: Readonly<Record<string, readonly string[]>>,
  { revision = 7, ...more }: Pick<Manifest, "removed"> & { revision?: number } = {},
): { manifests: DesiredManifests } {
  const manifests = new Map<DeviceId, { revision: number; manifest: { ok: true; value: Manifest } }>();
  for (const [device, names] of Object.entries(of)) {
    const entry = { revision, generation: 1, uid: "u", source: "git:demo", namespace: "default", commit: "abc1234" };
    const value = { sources: ["git:demo"], deployments: Object.fromEntries(names.map((name) => [name, entry])), ...more };
    manifests.set(asDeviceId(device), { revision: 9, manifest: { ok: true, value } });
  }
  return { manifests };
}

function onlyRow(fleet: Fleet): DeploymentRow {
  expect(fleet.deployments).toHaveLength(1);
  const [row] = fleet.deployments;
  if (row === undefined) throw new Error("no row");
  return row;
}

describe("what a row says", () => {
  const hello = desired({ "pi-1": ["hello"] });
  test.each<[string, { manifests: DesiredManifests }, HeardStatus[], Partial<DeploymentRow>]>([
    [
      "runs",
      hello,
      [heard("pi-1", { hello: report("Running", "runs") })],
      {
        standing: "ok",
        phase: "Running",
        message: "runs",
        sinceSeconds: 600,
        lastSeenSeconds: 10,
        desiredRevision: 7,
        runningRevision: 7,
        commit: "abc1234",
      },
    ],
    [
      "has a phase of a later version, which is shown as it was written",
      hello,
      [heard("pi-1", { hello: { ...report("Pending", "verifying localhost/hello:1"), phase: "Verifying" } })],
      { standing: "progress", phase: "Verifying", message: "verifying localhost/hello:1" },
    ],
    [
      "cannot be read, which says nothing of its revision",
      hello,
      [heard("pi-1", { hello: { ...report("Pending", "cannot be read"), phase: "Unreadable", desiredRevision: null, since: "" } })],
      { standing: "progress", phase: "Unreadable", message: "cannot be read", sinceSeconds: null },
    ],
    [
      "cannot run, in the device's words",
      hello,
      [heard("pi-1", { hello: report("Blocked", "port 80 is taken", { reason: "PortInUse" }) })],
      { standing: "problem", phase: "Blocked", reason: "PortInUse", message: "port 80 is taken" },
    ],
    ["is on its way", hello, [heard("pi-1", { hello: report("Pulling", "pulls") })], { standing: "progress", message: "pulls" }],
    [
      "is desired, of a device never seen",
      hello,
      [],
      { standing: "problem", phase: "Pending", reason: "NeverReported", lastSeenSeconds: null },
    ],
    ["is desired, not reported", hello, [heard("pi-1", {})], { standing: "progress", phase: "Pending", reason: "NotYetReported" }],
    [
      "has changed and the device runs the old one",
      hello,
      [heard("pi-1", { hello: report("Running", "runs", { desiredRevision: 5, runningRevision: 5 }) })],
      {
        phase: "Pending",
        reason: "NotYetReceived",
        message: "revision 7 is desired, and the device has not received it yet (revision 5 runs)",
        since: null,
      },
    ],
    [
      "is kept by the device although no manifest names it",
      desired({ "pi-1": [] }),
      [heard("pi-1", { hello: { ...report("Running", "runs; it stays", { desiredRevision: null }), reason: "NotNamed" } })],
      { standing: "problem", phase: "Running", reason: "NotNamed", message: "runs; it stays", desiredRevision: null },
    ],
    [
      "is kept so, and ends again and again",
      desired({ "pi-1": [] }, { removed: {} }),
      [heard("pi-1", { hello: { ...report("Degraded", "ends; it stays", { desiredRevision: null }), reason: "CrashLoop" } })],
      { standing: "problem", phase: "Degraded", reason: "CrashLoop" },
    ],
    [
      "was removed and still runs",
      desired({ "pi-1": [] }),
      [heard("pi-1", { hello: report("Running", "runs") })],
      { standing: "progress", phase: "Removing", reason: "NotYetRemoved", desiredRevision: null },
    ],
    [
      "was on a device that went silent",
      hello,
      [heard("pi-1", { hello: report("Running", "runs") }, { secondsAgo: 101 })],
      {
        standing: "problem",
        phase: "Running",
        offline: true,
        message: "runs; so it said last: the device has been silent for 2 min and follows when it is back",
      },
    ],
    [
      "changed while its device was silent",
      hello,
      [heard("pi-1", {}, { secondsAgo: 7200 })],
      {
        standing: "problem",
        message: "is desired, and the device has not reported on it yet; the device has been silent for 2 h and follows when it is back",
      },
    ],
    [
      "is on a device whose clock is a year behind",
      hello,
      [heard("pi-1", { hello: report("Running", "runs", { since: "2025-06-01T12:00:00Z" }) }, { reportedAt: "2025-06-01T12:10:00Z" })],
      { sinceSeconds: 610 },
    ],
    [
      "is on a device whose status does not parse",
      hello,
      [{ ...heard("pi-1", {}), status: { ok: false, issues: [{ path: ["device"], message: "is missing" }] } }],
      {
        standing: "problem",
        reason: "InvalidStatus",
        message: "what it reports cannot be read: device: is missing; its agent may be of another version than this iot",
      },
    ],
  ])("%s", (_, snapshot, statuses, expected) => {
    expect(onlyRow(judgeFleet(snapshot, statuses))).toMatchObject(expected);
  });

  test("of a deployment whose name every object has, what is so", () => {
    const name = "constructor";
    expect(onlyRow(judgeFleet(desired({ "pi-1": [name] }), [heard("pi-1", {})]))).toMatchObject({
      reason: "NotYetReported",
      runningRevision: null,
      services: [],
    });
    expect(onlyRow(judgeFleet(desired({}), [heard("pi-1", { [name]: report("Running", "runs") })]))).toMatchObject({
      reason: "NotYetRemoved",
      desiredRevision: null,
      commit: null,
    });
  });

  test("of a device that claims times which no date can hold, all but since when", () => {
    const claims = { hello: report("Running", "runs", { since: "-271821-04-20T00:00:00Z" }) };
    const fleet = judgeFleet(hello, [heard("pi-1", claims, { reportedAt: "+275760-09-13T00:00:00Z" })]);
    expect(onlyRow(fleet)).toMatchObject({ phase: "Running", since: null, sinceSeconds: null });
  });

  test("of a device whose manifest cannot be read, that nothing is undesired", () => {
    const manifests = new Map([
      [asDeviceId("pi-1"), { revision: 3, manifest: { ok: false as const, issues: [{ path: [], message: "expected JSON" }] } }],
    ]);
    const fleet = judgeFleet({ manifests }, [heard("pi-1", { hello: report("Running", "runs") })]);
    expect(onlyRow(fleet)).toMatchObject({ standing: "ok", phase: "Running" });
    expect(fleet.devices[0]?.problem?.reason).toBe("InvalidManifest");
  });
});

test("numbers in names are counted: pi-2 stands before pi-10", () => {
  const names = ["pi-10", "pi-2", "line-3", "pi-1"];
  const { devices, deployments } = judgeFleet(desired(Object.fromEntries(names.map((name) => [name, ["v10", "v9"]]))), []);
  expect(devices.map(({ device }) => device)).toEqual(["line-3", "pi-1", "pi-2", "pi-10"]);
  expect(deployments.map(({ deployment, device }) => `${deployment} ${device}`)).toEqual(
    ["v9", "v10"].flatMap((name) => ["line-3", "pi-1", "pi-2", "pi-10"].map((device) => `${name} ${device}`)),
  );
});
