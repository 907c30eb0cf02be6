import type { DeploymentRow, DeviceRow } from "@iot/fleet";
import { describe, expect, test } from "vitest";
import type { SourceRow } from "./read-fleet.ts";
import { renderExplanation, renderStatus, saidOfAbsent } from "./render-fleet.ts";

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

const look = { width: 80, isWide: false };

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

test("equal problems of many devices are one row: silent ones, new ones, and those that say the same", () => {
  const many = (of: (id: string, index: number) => DeploymentRow): DeploymentRow[] =>
    Array.from({ length: 100 }, (_, index) => of(`pi-${index + 1}`, index));
  const silent = (id: string, index: number): Partial<DeploymentRow> => ({
    standing: "problem",
    phase: index % 2 === 0 ? "Running" : "Failed",
    message: `${id} runs; so it said last: the device has been silent for ${index} min and follows when it is back`,
    offline: true,
    lastSeenSeconds: 120 + index * 60,
  });
  const full = (id: string): Partial<DeploymentRow> => ({
    standing: "problem",
    phase: "Failed",
    reason: "DiskFull",
    message: `the disk of ${id} has ${id.length} MB left: make room`,
  });
  const of = (more: (id: string, index: number) => Partial<DeploymentRow>, name = "hello"): DeploymentRow[] =>
    many((id, index) => row(name, id, more(id, index)));
  const shown = (deployments: readonly DeploymentRow[]): string[] =>
    renderStatus({ sources: [], devices: [device("pi-1")], deployments }, { width: 400, isWide: false })
      .split("\n")
      .slice(1, -3);
  expect(shown([...of(silent), ...of(silent, "meter")])).toEqual([
    "2 deployments  100 devices  Silent  10 min  2 min to 2 h ago, offline",
    "  pi-1, pi-2, pi-3 and 97 more: the devices are silent, and follow when they are back: look at their power and their network (iot explain hello pi-1 shows one)",
  ]);
  expect(shown(of(() => neverSeen))).toEqual([
    "hello       100 devices  Pending  -      never",
    `  pi-1, pi-2, pi-3 and 97 more: ${neverSeen.message}`,
  ]);
  expect(shown(of(full))).toEqual([
    "hello       100 devices  Failed  10 min  10 s ago",
    "  pi-1, pi-2, pi-3 and 97 more: the disk of pi-1 has 4 MB left: make room (iot explain hello pi-1 shows one)",
  ]);
  expect(shown(of(full).slice(0, 3))).toHaveLength(6);
  expect(shown([...of(full), row("hello", "pi-0", { ...full("pi-0"), reason: "Other" })])).toHaveLength(4);
  expect(shown(of(() => ({})))).toHaveLength(100);
});

test("wide has each row by itself, with what runs down to the digest", () => {
  const service = { name: "web", phase: "Running", image: "nginx:alpine", imageDigest: `sha256:${"0123456789abcdef".repeat(4)}` };
  const text = renderStatus(
    { sources: [], devices: [device("pi-1")], deployments: [row("hello", "pi-1", { runningRevision: 6, services: [service] })] },
    { width: 80, isWide: true },
  );
  expect(text.split("\n").slice(0, 2)).toEqual([
    "DEPLOYMENT  DEVICE  PHASE    REASON   SINCE   LAST SEEN  REVISION  COMMIT   IMAGES",
    "hello       pi-1    Running  Running  10 min  10 s ago   6 of 7    abc1234  nginx:alpine@sha256:0123456789ab",
  ]);
});

describe("status as a table", () => {
  const devices = [
    device("pi-1"),
    device("pi-2", { problem: { reason: "DiskFull", message: "the disk is full" } }),
    device("pi-3", { lastSeenAt: null, lastSeenSeconds: null }),
  ];
  const pulling = { standing: "progress", phase: "Pulling", message: "pulls nginx:alpine, 12 of 40 MB" } as const;
  const deployments = [row("hello", "pi-3", neverSeen), meter, row("hello", "pi-2", pulling), row("hello", "pi-1", { runningRevision: 7 })];

  test("puts what is wrong first, and says why", () => {
    expect(renderStatus({ sources: [], devices, deployments }, look)).toBe(`DEPLOYMENT  DEVICE  PHASE    SINCE   LAST SEEN
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
    expect(renderStatus({ sources: [], devices: [], deployments: [] }, look)).toBe("Nothing is deployed, and no device has reported.\n");
    expect(renderStatus({ sources: [], devices: [device("pi-1")], deployments: [] }, look)).toBe(
      "DEPLOYMENT  DEVICE  PHASE  SINCE  LAST SEEN\n-           pi-1    -      -      10 s ago\n\n0 of 0 run as desired, 1 device.\n",
    );
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
  const text = renderStatus({ sources: [{ ...source, ...more }], devices: [], deployments: [] }, look);
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

const removal = { namespace: "default", name: "hello", devices: ["pi-1"], why: "its file is gone" } as const;

test.each<[string, Partial<SourceRow>, string]>([
  ["nothing of it", {}, ""],
  [
    "of a file that is refused",
    { problem: "commit 2d19205 is followed in part: a.yaml: broken" },
    "; it may be in what is not followed, git:demo: commit 2d19205 is followed in part: a.yaml: broken",
  ],
  [
    "of what it removed",
    { removals: [{ what: "removed", ...removal }] },
    "; git:demo removed default/hello from pi-1 in the last ten minutes: its file is gone",
  ],
  [
    "of what it holds",
    { removals: [{ what: "held", ...removal }] },
    "; git:demo holds the removal of default/hello from pi-1: its file is gone",
  ],
  ["of what it lost", { removals: [{ what: "lost", ...removal }] }, "; git:demo lost default/hello from pi-1: its file is gone"],
  [
    "that nobody hears it",
    { silentSeconds: 600 },
    "; it may be in what is new, for the operator of git:demo has not been heard for 10 min",
  ],
  ["of another", { removals: [{ what: "lost", ...removal, name: "meter" }] }, ""],
])("what is missing is explained by what its source says: %s", (_what, more, says) => {
  expect(saidOfAbsent("hello", [{ ...source, ...more }])).toBe(says);
});
