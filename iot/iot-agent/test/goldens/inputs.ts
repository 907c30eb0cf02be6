// Inputs of the goldens, made from a seed: what the variant reports of a deployment one after the
// other, and devices of some deployments.

import { PHASES } from "@harmony/core";
import { asDeploymentName, asDeviceId, type DeploymentReport } from "@iot/contracts";
import * as fc from "fast-check";
import type { Input } from "./adapter.ts";

const SEED = 20_260_104;

const service = fc.record({
  name: fc.constantFrom("web", "db"),
  phase: fc.constantFrom("Running" as const, "Degraded" as const),
  image: fc.constantFrom("x:1", "x:2"),
  restarts: fc.constantFrom(0, 0, 3),
});
const phase = fc.constantFrom(...PHASES);
const message = fc.constantFrom("running x:1", "pulling x:2 (40 %)", "host port 80 is held", "long ".repeat(60).trim());

const lane = fc.record({
  report: fc.record({
    phase,
    reason: fc.constantFrom("Running", "CrashLoop"),
    message,
    runningRevision: fc.constantFrom(null, "7 of git:demo", "6 of kubernetes:prod", "made by hand"),
    services: fc.array(service, { maxLength: 2 }),
    recheckAfterMs: fc.constantFrom(null, 1_000),
    settled: fc.boolean(),
  }),
  desiredRevision: fc.constantFrom(7, 8),
  source: fc.constant("git:demo"),
  generation: fc.constantFrom(2, 3),
});

/** What is said again is as frequent as what is new. */
const lanes = fc
  .array(fc.tuple(lane, fc.integer({ min: 1, max: 2 })), { minLength: 1, maxLength: 4 })
  .map((all) => all.flatMap(([each, times]) => Array.from({ length: times }, () => each)));

const wrong = fc.record({
  phase: fc.constantFrom("Rejected" as const, "Blocked" as const),
  reason: fc.constantFrom("InvalidScore", "ScoreUnavailable"),
  message: fc.constant("services[0].image: is missing: expected text"),
});

const report = fc.record({
  phase,
  reason: fc.constant("Running"),
  message,
  since: fc.constant("2026-01-01T00:00:00.000Z"),
  desiredRevision: fc.constantFrom(7, null),
  runningRevision: fc.constantFrom(7, null),
  source: fc.constant("git:demo"),
  generation: fc.constant(2),
  services: fc.constant<DeploymentReport["services"]>([]),
});

const connection = fc.constantFrom(
  { kind: "connected", server: "central:4222", message: "connected to NATS at central:4222" } as const,
  { kind: "connecting", server: "central:4222", message: "connecting to NATS at central:4222" } as const,
  { kind: "disconnected", server: "central:4222", message: `cannot connect to NATS at central:4222: ${"why ".repeat(80).trim()}` } as const,
);

const device = fc.record({
  status: fc.record({
    device: fc.constant(asDeviceId("pi-01")),
    agentVersion: fc.constant("0.1.0"),
    reportedAt: fc.constant("2026-01-02T00:00:00.000Z"),
    statusIntervalMs: fc.constantFrom(30_000, 300_000, 1_500),
    manifestRevision: fc.constantFrom(null, 9),
  }),
  problem: fc.constantFrom(null, { reason: "InvalidManifest", message: "the manifest cannot be read", since: "2026-01-01T00:00:00.000Z" }),
  deployments: fc.array(fc.tuple(fc.constantFrom("z", "a", "constructor", "m").map(asDeploymentName), report), { maxLength: 5 }),
  connection,
});

export function generated(count: number): { name: string; input: Input }[] {
  const options = { seed: SEED, numRuns: count };
  const advances = fc.sample(fc.record({ lanes, wrong }), options);
  const devices = fc.sample(device, options);
  return [
    ...advances.map((of, index) => ({ name: `advance ${index}`, input: { kind: "advance", ...of } satisfies Input })),
    ...devices.map((of, index) => ({ name: `device ${index}`, input: { kind: "device", ...of } satisfies Input })),
  ];
}
