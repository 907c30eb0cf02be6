// Inputs of the goldens, made from a seed: what the operator wrote for some devices, and what they
// said.

import { PHASES } from "@harmony/core";
import { asDeviceId, type DeploymentReport, type DeviceStatus, type Manifest } from "@iot/contracts";
import type { StatusEntry } from "@iot/messaging";
import * as fc from "fast-check";
import type { Input } from "./adapter.ts";

const SEED = 20_260_103;
const NOW_MS = Date.parse("2026-06-01T12:00:00Z");
const NAMES = ["a", "b", "c"];
const ISSUES = [{ path: ["deployments"], message: "is missing: expected a map" }];
const iso = (secondsAgo: number): string => new Date(NOW_MS - secondsAgo * 1_000).toISOString();

const entry = fc.record(
  {
    revision: fc.constantFrom(7, 7, 8),
    generation: fc.constant(2),
    uid: fc.constant("uid"),
    source: fc.constantFrom("git:demo", "kubernetes:prod"),
    namespace: fc.constantFrom("default", "plant"),
    commit: fc.constant("abc1234"),
  },
  { requiredKeys: ["revision", "generation", "uid", "source", "namespace"] },
);

const report = fc.record({
  phase: fc.oneof(fc.constant("Running" as const), fc.constantFrom(...PHASES)),
  reason: fc.constantFrom("ImageNotFound", "CrashLoop", "Running"),
  message: fc.constantFrom("running x:1", "there is no image x:2"),
  since: fc.constantFrom(iso(600), iso(5), iso(-60), "yesterday"),
  desiredRevision: fc.constantFrom(7, 7, 8, null),
  runningRevision: fc.constantFrom(7, 6, null),
  services: fc.constantFrom<DeploymentReport["services"]>([], [{ name: "web", phase: "Running", image: "x:1", restarts: 2 }]),
});

const device = fc.record({
  desired: fc.constantFrom("none", "unreadable", "read", "read", "read"),
  entries: fc.record({ a: entry, b: entry, c: entry }, { requiredKeys: [] }),
  isHeard: fc.constantFrom(true, true, true, true, false),
  isReadable: fc.constantFrom(true, true, true, true, true, false),
  reports: fc.record({ a: report, b: report, c: report }, { requiredKeys: [] }),
  secondsAgo: fc.constantFrom(-3, 10, 101, 5_000, 200_000),
  /** How far the device's own clock is off. */
  clockOffSeconds: fc.constantFrom(0, 0, 86_400, -86_400),
  interval: fc.constantFrom(null, null, 600),
  problem: fc.constantFrom(undefined, undefined, { reason: "InvalidManifest", message: "it cannot be read", since: iso(60) }),
});
type Device = typeof device extends fc.Arbitrary<infer Value> ? Value : never;

function manifestOf({ desired, entries }: Device): Input["manifests"][number][1]["manifest"] | null {
  if (desired === "none") return null;
  const value: Manifest = { sources: ["git:demo"], deployments: inOrder(entries) };
  return desired === "read" ? { ok: true, value } : { ok: false, issues: ISSUES };
}

function entryOf(id: string, of: Device): StatusEntry {
  const { reports, secondsAgo, clockOffSeconds, interval, problem, isReadable } = of;
  const value: DeviceStatus = {
    device: id,
    agentVersion: "0.1.0",
    reportedAt: iso(secondsAgo - clockOffSeconds),
    manifestRevision: 9,
    ...(interval === null ? {} : { statusIntervalSeconds: interval }),
    ...(problem === undefined ? {} : { problem }),
    deployments: inOrder<DeploymentReport>(reports),
  };
  return {
    device: asDeviceId(id),
    receivedAtMs: NOW_MS - secondsAgo * 1_000,
    nowMs: NOW_MS,
    status: isReadable ? { ok: true, value } : { ok: false, issues: ISSUES },
  };
}

function inOrder<Value>(of: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(NAMES.flatMap((name) => (of[name] === undefined ? [] : [[name, of[name]] as const])));
}

export function generated(count: number): { name: string; input: Input }[] {
  const fleets = fc.sample(fc.array(device, { minLength: 1, maxLength: 4 }), { seed: SEED, numRuns: count });
  return fleets.map((devices, index) => ({
    name: `fleet ${index}`,
    input: {
      manifests: devices.flatMap((of, at) => {
        const manifest = manifestOf(of);
        return manifest === null ? [] : [[asDeviceId(`pi-${at}`), { revision: 9, manifest }] as const];
      }),
      statuses: devices.flatMap((of, at) => (of.isHeard ? [entryOf(`pi-${at}`, of)] : [])),
    },
  }));
}
