// Counters by difference against counting all: whatever was said, in whatever order, they are
// equal.

import { asDeviceId, type DeviceId } from "@iot/contracts";
import type { Parsed } from "@harmony/core";
import type { DeviceStatus } from "@iot/contracts";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { countDevices, type DeviceView, stateOf } from "./aggregate.ts";
import { DeploymentTally } from "./deployment-tally.ts";

type Made<Of> = Of extends fc.Arbitrary<infer One> ? One : never;

const device = fc.nat(8).map((index) => asDeviceId(`pi-${index}`));
const report = fc.record({
  phase: fc.constantFrom("Running", "Pulling", "Failed", "Rejected", "Degraded", "Unheard"),
  reason: fc.constantFrom("A", "B", "C"),
  message: fc.constantFrom("", "m", "n"),
  desiredRevision: fc.constantFrom(4, 5),
});
const status = fc.oneof(
  { weight: 8, arbitrary: fc.record({ report: fc.option(report), problem: fc.option(fc.constantFrom("A", "Policy")) }) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const said = fc.record({ device, status, ageMs: fc.constantFrom(0, 500_000), revision: fc.constantFrom(null, 5) });
const deed = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("says" as const), said }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("never heard" as const), device }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("silent" as const), device }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("leaves" as const), device }) },
);

function viewOf({ device: of, status: what, ageMs, revision }: Made<typeof said>): DeviceView {
  return { device: of, revision, status: { ageMs, value: parsed(of, what) } };
}

function parsed(of: DeviceId, what: Made<typeof status>): Parsed<DeviceStatus> {
  if (what === null) return { ok: false, issues: [{ path: ["deployments"], message: "expected a map" }] };
  const { report: reported, problem } = what;
  const since = "2026-01-01T00:00:00Z";
  const about = { agentVersion: "1", bootId: "b", reportedAt: since, manifestRevision: 6 };
  return {
    ok: true,
    value: {
      device: of,
      ...about,
      ...(problem === null ? {} : { problem: { reason: problem, message: "p", since } }),
      deployments: reported === null ? {} : { hello: { ...reported, since, runningRevision: 5, services: [] } },
    },
  };
}

test("after any sequence of statuses, silence and deletions the counters are those of counting all", () => {
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
      const tally = new DeploymentTally();
      const views = new Map<DeviceId, DeviceView>();
      const take = (view: DeviceView): void => {
        const before = tally.counted();
        views.set(view.device, view);
        const isChanged = tally.set(view.device, stateOf("hello", view));
        if (!isChanged) expect(tally.counted()).toBe(before);
      };
      for (const one of deeds) {
        if (one.kind === "says") take(viewOf(one.said));
        else if (one.kind === "never heard") take({ device: one.device, revision: 5, status: null });
        else if (one.kind === "leaves") {
          tally.delete(one.device);
          views.delete(one.device);
        } else {
          const view = views.get(one.device);
          if (view !== undefined && view.status !== null) take({ ...view, status: { ...view.status, ageMs: 500_000 } });
        }
        expect(tally.counted()).toEqual(countDevices("hello", [...views.values()]));
      }
    }),
    { numRuns: 2_000 },
  );
});
