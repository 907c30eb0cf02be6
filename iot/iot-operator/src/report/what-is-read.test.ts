// What the operator reads of a status and of an inventory is what the lists of influences say, and
// they go nowhere but to the reporter and to the room devices.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { visibleText } from "@harmony/core";
import type { Clock } from "@harmony/runtime";
import { asDeviceId, type DeviceInventory, type DeviceStatus, INVENTORY_INFLUENCE, readStatus, STATUS_INFLUENCE } from "@iot/contracts";
import { HOSTILE_PARTS, recordReads } from "@iot/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { complete, deployment, ModelBucket, planFor } from "../../test/model-bucket.ts";
import { KnownDevices } from "../devices/known-devices.ts";
import { planDevice } from "../devices/plan-device.ts";
import { Reporter } from "./reporter.ts";

const since = "2026-01-01T00:00:00Z";
const service = { name: "web", phase: "Running", image: "x", imageDigest: "sha256:x", health: "healthy", restarts: 1, startedAt: since };
const said = (phase: string, desiredRevision: number): DeviceStatus => ({
  device: "pi-1",
  agentVersion: "1",
  bootId: "b",
  boot: "3f9a1c",
  reportedAt: since,
  statusIntervalSeconds: 60,
  manifestRevision: 1,
  problem: { reason: "InvalidManifest", message: "m", since },
  deployments: {
    hello: {
      phase,
      reason: phase,
      message: "m",
      since,
      desiredRevision,
      runningRevision: 1,
      source: "git:test",
      generation: 1,
      services: [service],
    },
  },
});

const clock: Clock = { now: () => 1_000_000, monotonicMs: () => 1_000_000, sleep: () => Promise.resolve() };

/**
 * What the operator reports of the Deployment when its one device says `status` of its revision.
 */
function reportedOf(status: (revision: number) => DeviceStatus): unknown {
  const bucket = new ModelBucket();
  const source = complete([deployment("hello", ["pi-1"], {})]);
  const planned = () => planFor(bucket, source, { sourceId: "git:test" });
  bucket.apply(planned().steps);
  const reporter = new Reporter({ sourceId: "git:test", clock });
  reporter.settle({ source, desired: bucket.snapshot(), plan: planned() });
  const value = status(bucket.manifest("pi-1")?.deployments["hello"]?.revision ?? 0);
  reporter.hear({ device: asDeviceId("pi-1"), receivedAtMs: 0, nowMs: 0, status: { ok: true, value } });
  return reporter.results()?.map(({ conditions, aggregate }) => ({ conditions, aggregate }));
}

test("the operator reads of a status what the list says", () => {
  const all = new Set<string>();
  const everyRead: Set<string>[] = [];
  for (const phase of ["Running", "Pending", "Failed", "Rejected"]) {
    for (const isOfAnother of [false, true]) {
      reportedOf((revision) => {
        const { document, reads } = recordReads(said(phase, isOfAnother ? -1 : revision), ["deployments"]);
        everyRead.push(reads);
        return document;
      });
    }
  }
  for (const isOfAnother of [false, true]) {
    const { document, reads } = recordReads(said("Failed", isOfAnother ? -1 : 1), ["deployments"]);
    looksAtDevice({ status: document });
    everyRead.push(reads);
  }
  for (const reads of everyRead) for (const read of reads) all.add(read);
  // The store reads the device's name before the operator hears of it.
  const listed = Object.entries(STATUS_INFLUENCE).flatMap(([field, { operator }]) =>
    operator === null || field === "device" ? [] : [field],
  );
  expect([...all].toSorted()).toEqual(listed.toSorted());
});

const inventory: DeviceInventory = {
  device: "pi-1",
  agentVersion: "1",
  bootId: "b",
  architecture: "arm64",
  capabilities: ["podman"],
  labels: { site: "x" },
  facts: { model: "Pi" },
  cpus: 4,
  memoryBytes: 1,
  disks: [{ path: "/", bytes: 1, availableBytes: 1 }],
  temperatureLimit: 100,
  remote: ["logs"],
};

/** What the operator writes into the Device of this one. */
function looksAtDevice(says: { readonly status?: DeviceStatus; readonly inventory?: DeviceInventory }): unknown {
  const device = asDeviceId("pi-1");
  const known = new KnownDevices(clock);
  const reported = { device, receivedAtMs: 0, nowMs: 0 };
  known.hear({ ...reported, status: { ok: true, value: says.status ?? said("Running", 1) } });
  known.hearInventory({ ...reported, inventory: { ok: true, value: says.inventory ?? inventory } });
  const entry = { revision: 1, generation: 1, uid: "u", source: "git:test", namespace: "n" };
  return planDevice({
    device,
    object: { device, uid: "u", generation: 1, isDeleting: false, isClaimed: true, status: {} },
    isDefinitionGoing: false,
    heard: known.status(device),
    inventory: known.inventory(device),
    manifest: { ok: true, value: { sources: [], deployments: { hello: entry } } },
    labels: {},
    nowMs: known.nowMs(),
    writtenAgoMs: Infinity,
  }).steps;
}

test("the operator reads of an inventory what the list says", () => {
  const { document, reads } = recordReads(inventory, ["labels", "facts"]);
  // What is made of it is written as it is.
  JSON.stringify(looksAtDevice({ inventory: document }));
  const listed = Object.entries(INVENTORY_INFLUENCE).flatMap(([field, { operator }]) =>
    operator === null || field === "device" ? [] : [field],
  );
  expect([...reads].toSorted()).toEqual(listed.toSorted());
});

test("whatever a device says, nothing of it in a condition is obeyed by a terminal", () => {
  const hostile = fc.string({ unit: fc.constantFrom(...HOSTILE_PARTS), maxLength: 200 });
  fc.assert(
    fc.property(hostile, fc.constantFrom("Failed", "Rejected"), fc.boolean(), (text, phase, isOfAnother) => {
      const reported = reportedOf((revision) => {
        const { deployments, ...status } = said(phase, isOfAnother ? -1 : revision);
        const saying = { ...status, problem: { reason: text, message: text, since: text }, deployments: withText(deployments, text) };
        const heard = readStatus(new TextEncoder().encode(JSON.stringify(saying)));
        if (!heard.ok) throw new Error("the status cannot be read");
        return heard.value;
      });
      for (const word of stringsIn(reported)) expect(visibleText(word)).toBe(word);
    }),
  );
});

function withText(deployments: DeviceStatus["deployments"], text: string): DeviceStatus["deployments"] {
  return Object.fromEntries(Object.entries(deployments).map(([name, report]) => [name, { ...report, reason: text, message: text }]));
}

function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

const SOURCES = join(import.meta.dirname, "..");
/** The names by which a program gets at what devices say. */
const GETS_AT =
  /\b(?:StatusEntry|InventoryEntry|DeviceStatus|DeviceInventory|DeploymentReport|DeviceView|HeardStatus|openStatusStore|openInventoryStore|readStatus|readInventory)\b|KV_status|KV_inventory/;

test("no other file of the operator gets at what devices say", async () => {
  const files = (await readdir(SOURCES, { recursive: true })).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const readers: string[] = [];
  for (const file of files) if (GETS_AT.test(await readFile(join(SOURCES, file), "utf8"))) readers.push(file);
  // run.ts opens the store, and operator.ts hands each entry to the reporter.
  expect(readers.toSorted()).toEqual([
    "devices/devices.ts",
    "devices/known-devices.ts",
    "devices/object-status.ts",
    "devices/plan-device.ts",
    "operator.ts",
    "report/reporter.ts",
    "run.ts",
  ]);
  expect((await readFile(join(SOURCES, "operator.ts"), "utf8")).match(/\bentry\b/g)).toHaveLength(4);
});
