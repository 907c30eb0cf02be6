// Inputs of the goldens, made from a seed: what devices say of a Deployment.

import { PHASES } from "@harmony/core";
import { asDeviceId, type DeviceStatus } from "@iot/contracts";
import * as fc from "fast-check";
import { type DeviceView, type Input } from "./adapter.ts";

const SEED = 20_260_102;

const said = fc.record({
  phase: fc.oneof({ weight: 2, arbitrary: fc.constant("Running" as const) }, { weight: 1, arbitrary: fc.constantFrom(...PHASES) }),
  reason: fc.constantFrom(null, "ImageNotFound", "PortInUse", "CrashLoop"),
  message: fc.constantFrom("running x:1", "there is no image x:2", "host port 80 is held"),
  desiredRevision: fc.constantFrom(5, 5, 5, 4, null),
  ageMs: fc.constantFrom(1_000, 99_000, 101_000, 900_000),
  interval: fc.constantFrom(null, null, 300),
  problem: fc.constantFrom(undefined, undefined, {
    reason: "InvalidManifest",
    message: "it cannot be read",
    since: "2026-01-01T00:00:00Z",
  }),
  isKnown: fc.constantFrom(true, true, true, false),
  isReadable: fc.constantFrom(true, true, true, true, false),
  isHeard: fc.constantFrom(true, true, true, true, false),
});
type Said = typeof said extends fc.Arbitrary<infer Value> ? Value : never;

function view(of: Said, index: number): DeviceView {
  const device = asDeviceId(`pi-${String(index).padStart(3, "0")}`);
  if (!of.isHeard) return { device, revision: 5, status: null };
  const { phase, reason, message, desiredRevision, ageMs, interval, problem } = of;
  const report = {
    phase,
    reason: reason ?? phase,
    message,
    since: "2026-01-01T00:00:00Z",
    desiredRevision,
    runningRevision: 5,
    services: [],
  };
  const value: DeviceStatus = {
    device,
    agentVersion: "0.1.0",
    reportedAt: "2026-01-01T00:00:00Z",
    manifestRevision: 6,
    ...(interval === null ? {} : { statusIntervalSeconds: interval }),
    ...(problem === undefined ? {} : { problem }),
    deployments: of.isKnown ? { hello: report } : {},
  };
  const issues = [{ path: ["deployments"], message: "is missing: expected a map" }];
  return {
    device,
    revision: index % 11 === 10 ? null : 5,
    status: { ageMs, value: of.isReadable ? { ok: true, value } : { ok: false, issues } },
  };
}

/**
 * One kind of answer from all devices in a part of the cases, since most conditions are about all.
 */
const status = fc.record({
  devices: fc.oneof(
    fc.array(said, { maxLength: 20 }),
    fc.tuple(said, fc.integer({ min: 1, max: 5 })).map(([each, count]) => Array.from({ length: count }, () => each)),
  ),
  blocked: fc.constantFrom(null, null, null, null, { reason: "NameConflict", message: "another has the name" }),
  waitedMs: fc.constantFrom(0, 600_000, 600_001, 7_200_000),
});

export function generated(count: number): { name: string; input: Input }[] {
  const options = { seed: SEED, numRuns: count };
  const statuses = fc.sample(status, options).map(({ devices, ...more }, index) => ({
    name: `status ${index}`,
    input: { kind: "status", name: "hello", devices: devices.map(view), ...more } satisfies Input,
  }));
  return statuses;
}
