import type { Phase } from "@harmony/core";
import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, type DeviceStatus } from "@iot/contracts";
import { eventually } from "@iot/testkit";
import { expect, test } from "vitest";
import { deviceStatus } from "./status.ts";
import { SharedId } from "./shared-id.ts";
import { Reports } from "./reports.ts";
import { StatusSender } from "./status-sender.ts";

const hello = asDeploymentName("hello");

function start() {
  const lines: string[] = [];
  const sent: DeviceStatus[] = [];
  const log = createLog({ name: "test", format: "text", write: (line) => lines.push(line) });
  const reports = new Reports({ log, history: { last: () => undefined } });
  const sender = new StatusSender({
    statusIntervalMs: 60_000,
    log,
    status: () =>
      deviceStatus({
        device: asDeviceId("pi-1"),
        agentVersion: "1",
        reportedAt: "2026-01-01T00:00:00Z",
        statusIntervalMs: 60_000,
        manifestRevision: 1,
        problem: undefined,
        deployments: reports.current(),
      }),
    inventory: () => Promise.reject(new Error("not asked for")),
    bootId: "3f9a1c77-0000",
    sharedId: new SharedId(asDeviceId("pi-1"), "3f9a1c77-0000"),
    onFound: () => undefined,
  });
  reports.events.on("changed", (change) => sender.changed(change));
  sender.attach({
    putStatus: (status) => Promise.resolve(void sent.push(status)),
    putInventory: () => Promise.resolve(),
    readInventory: () => Promise.resolve(null),
  });
  const report = (phase: Phase, options: { reason?: string; revision?: number } = {}): void => {
    const { reason = phase, revision = 1 } = options;
    const report = { phase, reason, message: `is ${reason}`, runningRevision: null, services: [], recheckAfterMs: null, settled: false };
    reports.add(hello, { report, desiredRevision: revision, runningRevision: null, source: "git", generation: 1 });
  };
  const close = () => Promise.all([reports.close(), sender.close()]);
  return { reports, close, lines, sent, report };
}

test("the same trouble found by another try is no news, and keeps its age", async () => {
  const { close, lines, sent, report } = start();
  report("Pulling");
  report("Blocked", { reason: "RegistryUnreachable" });
  const reported = await eventually(() => sent.map(({ deployments }) => deployments["hello"]).find((each) => each?.phase === "Blocked"));
  const before = lines.length;
  report("Pulling");
  report("Blocked", { reason: "RegistryUnreachable" });
  expect(lines.slice(before)).toEqual([]);
  report("Pulling");
  report("Running");
  const running = await eventually(() => sent.map(({ deployments }) => deployments["hello"]).find((each) => each?.phase === "Running"));
  expect(sent.map(({ deployments }) => deployments["hello"]?.phase)).not.toContain("Pulling");
  expect(Date.parse(running.since)).toBeGreaterThanOrEqual(Date.parse(reported.since));
  expect(lines.at(-1)).toContain("is Running");
  await close();
});

test("a new version is news at once, whatever the trouble with the old one", async () => {
  const { close, lines, report } = start();
  report("Blocked", { reason: "RegistryUnreachable" });
  report("Pulling", { revision: 2 });
  expect(lines.at(-1)).toContain("is Pulling");
  await close();
});

test("a removal is reported once", async () => {
  const { reports, close, lines, report } = start();
  report("Blocked", { reason: "PortInUse" });
  report("Removing", { reason: "Removed" });
  reports.forget(hello);
  expect(lines.filter((line) => line.includes("is Removed"))).toHaveLength(1);
  await close();
});

test("what is as the history has it has been so since then", () => {
  const at = "2026-01-01T00:00:00.000Z";
  const last = (deployment: string) => ({ at, deployment, phase: "Running", reason: "Running", message: "", revision: 1 });
  const reports = new Reports({ log: createLog({ name: "test", write: () => undefined }), history: { last } });
  const report = { reason: "Running", message: "", runningRevision: null, services: [], recheckAfterMs: null, settled: true };
  const said = { desiredRevision: 1, runningRevision: 1, source: "git", generation: 1 };
  reports.add(hello, { ...said, report: { ...report, phase: "Running" } });
  expect(reports.current().get(hello)?.since).toBe(at);
  const other = asDeploymentName("other");
  reports.add(other, { ...said, report: { ...report, phase: "Degraded" } });
  expect(reports.current().get(other)?.since).not.toBe(at);
});
