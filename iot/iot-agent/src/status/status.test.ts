import type { WorkloadReport } from "@harmony/core";
import { asDeploymentName, asDeviceId, DeviceStatus } from "@iot/contracts";
import { parse } from "@harmony/schema";
import { describe, expect, test } from "vitest";
import type { WorkerReport } from "../reconcile/worker-report.ts";
import { advance, deviceStatus } from "./status.ts";
import type { Problem } from "../desired/problems.ts";

const report: WorkloadReport = {
  phase: "Running",
  reason: "Running",
  message: "running nginx:1",
  runningRevision: "7 of git",
  services: [{ name: "web", phase: "Running", image: "nginx:1" }],
  recheckAfterMs: null,
  settled: true,
};
const said = (more: Partial<WorkloadReport> = {}, runningRevision: number | null = 7): WorkerReport => ({
  report: { ...report, ...more },
  desiredRevision: 7,
  runningRevision,
  source: "git",
  generation: 2,
});
const [early, late] = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"];
const first = advance(undefined, said(), early);

describe("a deployment's report", () => {
  test("begins with a transition", () => {
    expect(first).toEqual({
      change: "transition",
      report: {
        phase: "Running",
        reason: "Running",
        message: "running nginx:1",
        since: early,
        desiredRevision: 7,
        runningRevision: 7,
        source: "git",
        generation: 2,
        services: [{ name: "web", phase: "Running", image: "nginx:1" }],
      },
    });
  });

  test.each([
    ["the same", said(), "none", early],
    ["another message", said({ message: "so" }), "detail", early],
    ["another reason", said({ reason: "Completed" }), "transition", late],
    ["another phase", said({ phase: "Degraded" }), "transition", late],
    ["another revision, as before", { ...said(), desiredRevision: 8 }, "transition", early],
  ])("after %s is a change of that kind, since then", (_, next, change, since) => {
    expect(advance(first.report, next, late)).toMatchObject({ change, report: { since } });
  });

  test("has run since its trial began, and not since that was closed", () => {
    const onTrial = advance(undefined, said({ phase: "Starting", reason: "OnTrial" }), early).report;
    expect(advance(onTrial, said(), late).report).toMatchObject({ phase: "Running", since: early });
    expect(advance(onTrial, said({ phase: "Degraded", reason: "Unhealthy" }), late).report.since).toBe(late);
  });

  test("does not pretend to know a revision that is not reported", () => {
    expect(advance(undefined, said({}, null), early).report.runningRevision).toBeNull();
  });
});

describe("the device's status", () => {
  const of = (problem?: Problem, statusIntervalMs = 30_000) =>
    deviceStatus({
      device: asDeviceId("pi-1"),
      agentVersion: "1",
      reportedAt: early,
      statusIntervalMs,
      manifestRevision: null,
      problem,
      deployments: new Map([
        [asDeploymentName("b"), first.report],
        [asDeploymentName("a"), first.report],
      ]),
    });

  test("reports its interval only where it is not the usual one", () => {
    expect(of()).not.toHaveProperty("statusIntervalSeconds");
    expect(of(undefined, 600_000)).toMatchObject({ statusIntervalSeconds: 600 });
  });

  test("is one of the contract, its deployments in order", () => {
    expect(parse(DeviceStatus, of())).toMatchObject({ ok: true });
    expect(Object.keys(of().deployments)).toEqual(["a", "b"]);
    expect(of()).not.toHaveProperty("problem");
    expect(of({ reason: "NoStore", message: "m", since: early }).problem).toEqual({ reason: "NoStore", message: "m", since: early });
  });
});
