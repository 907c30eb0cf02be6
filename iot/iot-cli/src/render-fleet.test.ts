import type { DeploymentRow, DeviceRow } from "@iot/fleet";
import { describe, expect, test } from "vitest";
import type { SourceRow } from "./read-fleet.ts";
import { renderExplanation, renderStatus } from "./render-fleet.ts";

function device(id: string, more: Partial<DeviceRow> = {}): DeviceRow {
  return {
    device: id,
    offline: false,
    lastSeenAt: "2026-06-01T11:59:50.000Z",
    lastSeenSeconds: 10,
    agentVersion: "0.1.0",
    problem: null,
    ...more,
  };
}

function row(deployment: string, on: string, more: Partial<DeploymentRow>): DeploymentRow {
  return {
    deployment,
    device: on,
    standing: "ok",
    phase: "Running",
    reason: more.phase ?? "Running",
    message: "runs",
    since: "2026-06-01T11:50:00.000Z",
    sinceSeconds: 600,
    offline: false,
    lastSeenSeconds: 10,
    desiredRevision: 7,
    runningRevision: null,
    namespace: "default",
    source: "git:demo",
    commit: "abc1234",
    services: [],
    ...more,
  };
}

const meter = row("meter", "pi-1", {
  standing: "problem",
  phase: "Blocked",
  reason: "PortInUse",
  message: 'host port 8080/tcp is used by deployment "hello": give one of them another port',
});
const neverSeen = {
  standing: "problem",
  phase: "Pending",
  message: "the device has never reported: switch it on, or look whether its agent has this device id and reaches this NATS server",
  since: null,
  sinceSeconds: null,
  lastSeenSeconds: null,
} as const;

describe("status as a table", () => {
  const devices = [
    device("pi-1"),
    device("pi-2", { problem: { reason: "DiskFull", message: "the disk is full" } }),
    device("pi-3", { lastSeenAt: null, lastSeenSeconds: null }),
  ];
  const pulling = { standing: "progress", phase: "Pulling", message: "pulls nginx:alpine, 12 of 40 MB" } as const;
  const deployments = [row("hello", "pi-3", neverSeen), meter, row("hello", "pi-2", pulling), row("hello", "pi-1", { runningRevision: 7 })];

  test("puts what is wrong first, and says why", () => {
    expect(renderStatus({ sources: [], devices, deployments }, 80)).toBe(`DEPLOYMENT  DEVICE  PHASE    SINCE   LAST SEEN
hello       pi-3    Pending  -       never
  the device has never reported: switch it on, or look whether its agent has
  this device id and reaches this NATS server
meter       pi-1    Blocked  10 min  10 s ago
  host port 8080/tcp is used by deployment "hello": give one of them another
  port
hello       pi-2    Pulling  10 min  10 s ago
  pulls nginx:alpine, 12 of 40 MB
hello       pi-1    Running  10 min  10 s ago

pi-2: the disk is full

1 of 4 run as desired, 1 on the way, 2 with a problem, 3 devices, 1 never seen.
`);
  });

  test("says that there is nothing", () => {
    expect(renderStatus({ sources: [], devices: [], deployments: [] }, 80)).toBe("Nothing is deployed, and no device has reported.\n");
    expect(renderStatus({ sources: [], devices: [device("pi-1")], deployments: [] }, 80)).toBe("0 of 0 run as desired, 1 device.\n");
  });
});

const source: SourceRow = {
  source: "git:demo",
  version: "2d19205aaaaaaaaa",
  problem: null,
  held: null,
  lost: null,
  removals: [],
  lastSeen: "2026-06-01T11:59:00.000Z",
  silentSeconds: null,
};

test.each<[string, Partial<SourceRow>, string]>([
  ["is followed", {}, "git:demo: follows 2d19205aaa\n"],
  ["is new", { version: null }, "git:demo: nothing is followed yet\n"],
  ["cannot be followed", { problem: "a.yaml:2: broken" }, "git:demo: a.yaml:2: broken; still at 2d19205aaa\n"],
  ["says itself where it stays", { problem: "2d19205 stays in force" }, "git:demo: 2d19205 stays in force\n"],
  ["holds and lost", { held: "held: 2", lost: "lost: 1" }, "git:demo: follows 2d19205aaa\n  held: 2\n  lost: 1\n"],
  ["is silent", { silentSeconds: 600 }, "git:demo: follows 2d19205aaa; its operator has not been heard for 10 min\n"],
])("a source that %s stands before all else", (_what, more, says) => {
  const text = renderStatus({ sources: [{ ...source, ...more }], devices: [], deployments: [] }, 120);
  expect(text).toBe(`${says}\nNothing is deployed, and no device has reported.\n`);
});

test("explains in the device's words, with the facts", () => {
  expect(renderExplanation(meter, device("pi-1"), [], 80)).toBe(`meter on pi-1 is Blocked since 2026-06-01 11:50:00 UTC (10 min): host port
8080/tcp is used by deployment "hello": give one of them another port
  desired    revision 7
  running    nothing
  commit     abc1234
  source     git:demo, namespace default
  last seen  10 s ago
`);
});
