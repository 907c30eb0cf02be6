import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BUCKETS } from "./documents/buckets.ts";
import { readInventory, readStatus } from "./heard.ts";
import type { DeviceStatus } from "./documents/status.ts";

const since = "2026-01-01T00:00:00Z";
const report = { phase: "Running" as const, reason: "Running", message: "", since, desiredRevision: 7, runningRevision: 7, services: [] };
const status = (more: object = {}): DeviceStatus => ({
  device: "pi-1",
  agentVersion: "1",
  reportedAt: since,
  manifestRevision: 1,
  deployments: {},
  ...more,
});
const bytes = (document: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(document));

test("what a well-meaning device says is heard as it is", () => {
  const services = [{ name: "web", phase: "Running", image: "nginx:1", health: "healthy", restarts: 3, startedAt: since }];
  const said = status({
    bootId: "b",
    statusIntervalSeconds: 600,
    problem: { reason: "InvalidManifest", message: "l’ordre n’est pas lisible", since },
    deployments: { hello: { ...report, source: "git:a", generation: 2, services }, constructor: report },
  });
  expect(readStatus(bytes(said))).toEqual({ ok: true, value: said });
});

describe("of a device's words", () => {
  const heard = (reason: string, message: string) => {
    const read = readStatus(bytes(status({ problem: { reason, message, since }, deployments: { a: { ...report, reason, message } } })));
    return read.ok ? [read.value.problem, read.value.deployments["a"]] : read.issues;
  };
  test.each([
    ["a message of 60 KB", "R", "x".repeat(29_000), { reason: "R", message: `${"x".repeat(1_023)}…` }],
    ["sequences for a terminal", "R", "\u001b[2Jwell\u202e\r\n", { reason: "R", message: "well " }],
    ["a reason that is none", "\u001b[31m", "m", { reason: "InvalidReason", message: "m" }],
    ["a sentence for a reason", "it is broken", "m", { reason: "InvalidReason", message: "m" }],
    ["a reason of 65 letters", "R".repeat(65), "m", { reason: "InvalidReason", message: "m" }],
    ["an empty reason", "", "m", { reason: "InvalidReason", message: "m" }],
  ])("%s", (_what, reason, message, expected) => {
    expect(heard(reason, message)).toMatchObject([expected, expected]);
  });

  test("a phase that is not known is one plain word, of a deployment and of a service", () => {
    const phase = `\u001b[2J${"Verifying".repeat(100)}\r\n`;
    const read = readStatus(bytes(status({ deployments: { a: { ...report, phase, services: [{ name: "web", phase }] } } })));
    const heardPhase = "Verifying".repeat(8).slice(0, 63).concat("…");
    expect(read).toMatchObject({ ok: true, value: { deployments: { a: { phase: heardPhase, services: [{ phase: heardPhase }] } } } });
  });

  test("what is not known is dropped", () => {
    expect(readStatus(bytes(status({ note: "\u009b2J" })))).toEqual({ ok: true, value: status() });
  });
});

test.each([
  ["85,000 empty services", `{"services":[${"{},".repeat(84_999)}{}]}`, "has 250 KiB, more than the 64 KiB that are read"],
  ["a depth of 30,000", "[".repeat(30_000) + "]".repeat(30_000), "is nested deeper than 16"],
  ["20,000 empty services", `{"services":[${"{},".repeat(19_999)}{}]}`, "has more than 10,000 values"],
])("%s are one device that cannot be read", (_what, text, message) => {
  expect(readStatus(new TextEncoder().encode(text))).toEqual({ ok: false, issues: [{ path: [], message }] });
});

test("whatever a device says, it is heard, plain and no larger than the bucket takes", () => {
  const hostile = fc.string({
    unit: fc.constantFrom("\u001b", "[", "2", "J", "\u009b", "\u202e", "\ud800", "\n", "a", "\u0007"),
    maxLength: 2_000,
  });
  const document = fc.record(
    {
      problem: fc.record({ reason: hostile, message: hostile, since: hostile }),
      agentVersion: hostile,
      reportedAt: hostile,
      other: fc.anything(),
      deployments: fc.dictionary(
        fc.constantFrom("a", "constructor", "__proto__", "A"),
        fc.record({ reason: hostile, message: hostile, source: hostile, services: fc.array(fc.record({ name: hostile, image: hostile })) }),
      ),
    },
    { requiredKeys: [] },
  );
  // oxlint-disable-next-line no-control-regex
  const obeyed = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/;
  fc.assert(
    fc.property(document, (said) => {
      const deployments = Object.fromEntries(
        Object.entries(said.deployments ?? {}).map(([name, { services, ...words }]) => [
          name,
          { ...report, ...words, services: services.map((service) => ({ ...service, phase: "Running" })) },
        ]),
      );
      const text = JSON.stringify(readStatus(bytes(status({ ...said, deployments }))));
      return !obeyed.test(text) && text.length <= BUCKETS.status.maxValueBytes;
    }),
  );
});

test("an inventory is heard in the same way", () => {
  const inventory = {
    device: "pi-1",
    agentVersion: "1",
    bootId: "b",
    architecture: "arm64",
    capabilities: ["podman"],
    labels: {},
    facts: {},
  };
  expect(readInventory(bytes(inventory))).toEqual({ ok: true, value: inventory });
  const rude = { ...inventory, facts: { "a\u001b[2J": `\u202e${"x".repeat(1_000)}` } };
  expect(readInventory(bytes(rude))).toMatchObject({ ok: true, value: { facts: { a: `${"x".repeat(511)}…` } } });
  expect(readInventory(bytes({ ...inventory, facts: { a: "x".repeat(40_000) } }))).toMatchObject({ ok: false });
  const disk = { path: "/", bytes: 32e9, availableBytes: 16e9 };
  const complete = { ...inventory, cpus: 4, memoryBytes: 8e9, disks: [disk], temperatureLimit: 110, remote: ["logs"] };
  expect(readInventory(bytes(complete))).toEqual({ ok: true, value: complete });
  const many = readInventory(bytes({ ...complete, disks: Array.from({ length: 400 }, () => disk) }));
  expect(many.ok ? many.value.disks : many.issues).toHaveLength(16);
  expect(readInventory(bytes({ ...complete, memoryBytes: -1 }))).toMatchObject({ ok: false, issues: [{ path: ["memoryBytes"] }] });
});
