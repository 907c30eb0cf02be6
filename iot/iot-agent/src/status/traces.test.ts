import type { Phase } from "@harmony/core";
import { asDeploymentName, type DeploymentReport } from "@iot/contracts";
import { expect, test } from "vitest";
import { Traces } from "./traces.ts";

const hello = asDeploymentName("hello");
const writtenAt = "2026-01-01T00:00:00Z";

function traced() {
  let nowMs = 1_000;
  const traces = new Traces({ monotonicMs: () => nowMs });
  const after = (ms: number): void => void (nowMs += ms);
  const named = (revision: number): void =>
    traces.named(hello, {
      entry: { revision, generation: 1, uid: "u", source: "s", namespace: "n", observedAt: "2025-12-31T23:59:59Z" },
      writtenAt,
      readSinceMs: nowMs,
    });
  const says = (phase: Phase, running: number, reason: string = phase): void =>
    traces.reported(hello, {
      report: { phase, reason, message: "", runningRevision: null, services: [], recheckAfterMs: null, settled: true },
      desiredRevision: 7,
      runningRevision: running,
      source: "s",
      generation: 1,
    });
  return { traces, after, named, says };
}
const report = (phase: string, runningRevision: number | null, desiredRevision = 7): DeploymentReport => ({
  phase,
  reason: phase,
  message: "",
  since: "",
  services: [],
  desiredRevision,
  runningRevision,
});

test("each moment since the manifest was read, the last of several, and once", () => {
  const { traces, after, named, says } = traced();
  named(7);
  after(10);
  traces.received(hello, 7);
  after(100);
  traces.reached(hello, 7, { kind: "fetched", bytes: 5 });
  after(100);
  traces.reached(hello, 7, { kind: "fetched", bytes: 6 });
  after(1);
  traces.reached(hello, 7, { kind: "made", bytes: 0 });
  traces.reached(hello, 7, { kind: "started", bytes: 0 });
  // What it replaces runs meanwhile.
  says("Running", 6);
  after(9);
  says("Starting", 7, "OnTrial");
  after(1_000);
  says("Running", 7);
  expect(traces.of(hello, report("Starting", 7))).toBeUndefined();
  expect(traces.of(hello, report("Running", 7))).toEqual({
    observedAt: "2025-12-31T23:59:59Z",
    writtenAt,
    readMs: 10,
    pulledMs: 210,
    bytesPulled: 11,
    createdMs: 211,
    startedMs: 211,
    healthyMs: 220,
    endedMs: 1_220,
  });
  expect(traces.of(hello, report("Running", 7))).toBeUndefined();
});

test("what belongs to another revision does not count", () => {
  const { traces, named } = traced();
  traces.received(hello, 7);
  named(7);
  traces.received(hello, 6);
  traces.reached(hello, 6, { kind: "fetched", bytes: 1 });
  expect(traces.of(hello, report("Failed", 6, 6))).toBeUndefined();
  expect(traces.of(hello, report("Failed", 6))).toEqual({ observedAt: "2025-12-31T23:59:59Z", writtenAt, endedMs: 0 });
  named(8);
  expect(traces.of(hello, report("Running", 7))).toBeUndefined();
});
