import { expect, test } from "vitest";
import { type FleetFilter, filterFleet } from "./filter-fleet.ts";
import type { FleetView } from "./read-fleet.ts";

const ROWS = [
  ["meter", "pi-10", "problem"],
  ["hello", "pi-1", "ok"],
  ["hello", "pi-10", "ok"],
  ["hello-2", "line-1", "progress"],
] as const;

const fleet: FleetView = {
  sources: [],
  devices: ["line-1", "pi-1", "pi-2", "pi-10"].map((device) => ({
    device,
    offline: false,
    lastSeenAt: null,
    lastSeenSeconds: 1,
    agentVersion: null,
    problem: device === "pi-2" ? { reason: "DiskFull", message: "full" } : null,
  })),
  deployments: ROWS.map(([deployment, device, standing]) => ({
    deployment,
    device,
    standing,
    phase: "Running",
    reason: "Running",
    message: "",
    since: null,
    sinceSeconds: null,
    offline: false,
    lastSeenSeconds: 1,
    desiredRevision: 1,
    runningRevision: 1,
    namespace: null,
    source: null,
    commit: null,
    services: [],
  })),
};

const all: FleetFilter = { devices: [], deployments: [], onlyProblems: false };

test.each<[Partial<FleetFilter>, rows: string, devices: string]>([
  [{}, "meter/pi-10 hello/pi-1 hello/pi-10 hello-2/line-1", "line-1 pi-1 pi-2 pi-10"],
  [{ devices: ["pi-1"] }, "hello/pi-1", "pi-1"],
  [{ devices: ["pi-2"] }, "", "pi-2"],
  [{ devices: ["pi-*"] }, "meter/pi-10 hello/pi-1 hello/pi-10", "pi-1 pi-2 pi-10"],
  [{ devices: ["*-1"] }, "hello/pi-1 hello-2/line-1", "line-1 pi-1"],
  [{ devices: ["p*-*0", "line-1"] }, "meter/pi-10 hello/pi-10 hello-2/line-1", "line-1 pi-10"],
  [{ devices: ["pi-1*1"] }, "", ""],
  [{ deployments: ["hello"] }, "hello/pi-1 hello/pi-10", "pi-1 pi-10"],
  [{ deployments: ["hello*"], devices: ["pi-1"] }, "hello/pi-1", "pi-1"],
  [{ onlyProblems: true }, "meter/pi-10", "pi-2 pi-10"],
])("%j", (filter, rows, devices) => {
  const left = filterFleet(fleet, { ...all, ...filter });
  expect(left.deployments.map((row) => `${row.deployment}/${row.device}`).join(" ")).toBe(rows);
  expect(left.devices.map(({ device }) => device).join(" ")).toBe(devices);
});

test.each<[Partial<FleetFilter>, string]>([
  [{ devices: ["pi-3"] }, 'there is no device "pi-3", and there is pi-1: iot status shows all'],
  [{ deployments: ["constructor"] }, 'there is no deployment "constructor": iot status shows all'],
])("%j is not there", (filter, says) => {
  expect(() => filterFleet(fleet, { ...all, ...filter })).toThrow(says);
});
