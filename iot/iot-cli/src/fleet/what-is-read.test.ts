// What `iot` reads of a status and an inventory is what the list of influences says, and what any
// field says reaches a terminal as plain text.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { visibleJson, visibleLines } from "@harmony/core";
import {
  asDeviceId,
  type DeviceInventory,
  type DeviceStatus,
  INVENTORY_INFLUENCE,
  type Manifest,
  readInventory,
  readStatus,
  STATUS_INFLUENCE,
} from "@iot/contracts";
import { judgeDevice, judgeFleet, shownDevice } from "@iot/fleet";
import { HOSTILE_PARTS, OBEYED, recordReads } from "@iot/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { renderDevice, renderDeviceList } from "./render-devices.ts";
import { renderExplanation, renderStatus } from "./render-fleet.ts";

const pi = asDeviceId("pi-1");
const at = "2026-01-01T00:00:00Z";
const manifest: Manifest = {
  sources: ["git:test"],
  deployments: { hello: { revision: 7, generation: 1, uid: "u", source: "git:test", namespace: "n" } },
};

/** Each string is `text`, wherever the schema takes any. */
function saying(text: string, deployment = "hello"): DeviceStatus {
  return {
    device: "pi-1",
    agentVersion: text,
    bootId: text,
    boot: text,
    reportedAt: text,
    statusIntervalSeconds: 60,
    manifestRevision: 1,
    problem: { reason: text, message: text, since: text },
    deployments: {
      [deployment]: {
        phase: text,
        reason: text,
        message: text,
        since: text,
        desiredRevision: 7,
        runningRevision: 7,
        source: text,
        generation: 1,
        services: [{ name: text, phase: text, image: text, imageDigest: text, health: text, restarts: 1, startedAt: text }],
      },
    },
  };
}

/** All that `iot status` and `iot explain` print of it. */
function printed(status: DeviceStatus, nowMs = 1_000): string {
  const manifests = new Map([[pi, { manifest: { ok: true, value: manifest } as const }]]);
  const fleet = judgeFleet({ manifests }, [{ device: pi, receivedAtMs: 0, nowMs, status: { ok: true, value: status } }]);
  const explained = fleet.deployments.map((row) => renderExplanation(row, fleet.devices[0], [], 100));
  return [
    printedDevice(status, inventorySaying("x"), nowMs),
    renderStatus({ ...fleet, sources: [] }, { width: 100, isWide: false }),
    renderStatus({ ...fleet, sources: [] }, { width: 100, isWide: true }),
    ...explained,
    JSON.stringify({ ...fleet, sources: [] }, null, 2),
  ].join("\n");
}

function inventorySaying(text: string): DeviceInventory {
  return {
    device: "pi-1",
    agentVersion: text,
    bootId: text,
    architecture: text,
    capabilities: [text],
    labels: { [text]: text },
    facts: { model: text, serial: text, os: text, kernel: text, podmanVersion: text, addresses: text },
    cpus: 1,
    memoryBytes: 1,
    disks: [{ path: text, bytes: 1, availableBytes: 1 }],
    temperatureLimit: 1,
    remote: [text],
  };
}

/** All that `iot devices` and `iot describe device` print of it. */
function printedDevice(status: DeviceStatus, inventory: DeviceInventory, nowMs = 1_000): string {
  const heard = { device: pi, receivedAtMs: 0, nowMs, status: { ok: true, value: status } } as const;
  const judged = judgeDevice(pi, { ok: true, value: manifest }, heard);
  const device = shownDevice(pi, { judged, heard, inventory: { ok: true, value: inventory }, words: [] });
  return [
    visibleLines(renderDeviceList([device], false)),
    visibleLines(renderDeviceList([device], true)),
    visibleLines(renderDevice(device, judged.deployments, 100)),
    visibleJson({ devices: [device] }, 2),
  ].join("\n");
}

test("`iot` reads of an inventory what the list says", () => {
  const { document, reads } = recordReads(inventorySaying(at), ["labels", "facts"]);
  printedDevice(saying(at), document);
  const listed = Object.entries(INVENTORY_INFLUENCE).flatMap(([field, { iot }]) => (iot === null || field === "device" ? [] : [field]));
  expect([...reads].toSorted()).toEqual(listed.toSorted());
});

test("whatever a device says that it is, a terminal obeys none of it", () => {
  const hostile = fc.string({ unit: fc.constantFrom(...HOSTILE_PARTS), maxLength: 200 });
  fc.assert(
    fc.property(hostile, (text) => {
      const heard = readInventory(new TextEncoder().encode(JSON.stringify(inventorySaying(text))));
      if (!heard.ok) throw new Error("the inventory cannot be read");
      expect(OBEYED.test(printedDevice(saying(at), heard.value))).toBe(false);
    }),
  );
});

test("`iot` reads of a status what the list says", () => {
  const all = new Set<string>();
  for (const status of [saying(at), saying("Running"), saying(at, "other")]) {
    const { document, reads } = recordReads(status, ["deployments"]);
    printed(document);
    for (const read of reads) all.add(read);
  }
  const listed = Object.entries(STATUS_INFLUENCE).flatMap(([field, { iot }]) => (iot === null || field === "device" ? [] : [field]));
  expect([...all].toSorted()).toEqual(listed.toSorted());
});

const SOURCES = ["iot/iot-cli/src", "iot/fleet/src", "iot/report/src"];
/** The names by which a program gets at what devices say. */
const GETS_AT =
  /\b(?:StatusEntry|InventoryEntry|DeviceStatus|DeviceInventory|DeploymentReport|openStatusStore|openInventoryStore|readStatus|readInventory)\b|KV_inventory/;

test("no other file gets at what devices say", async () => {
  const root = join(import.meta.dirname, "../../../..");
  const readers: string[] = [];
  for (const folder of SOURCES) {
    for (const file of await readdir(join(root, folder), { recursive: true })) {
      if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
      if (GETS_AT.test(await readFile(join(root, folder, file), "utf8"))) readers.push(`${folder}/${file}`);
    }
  }
  expect(readers.toSorted()).toEqual([
    "iot/fleet/src/aggregate.ts",
    "iot/fleet/src/boots-heard.ts",
    "iot/fleet/src/device-conditions.ts",
    "iot/fleet/src/judge-fleet.ts",
    "iot/fleet/src/selector.ts",
    "iot/fleet/src/shown-device.ts",
    "iot/iot-cli/src/fleet/read-devices.ts",
    "iot/iot-cli/src/fleet/read-fleet.ts",
    "iot/report/src/explained.ts",
  ]);
});

test("whatever a device says in any field, a terminal obeys none of it", () => {
  const hostile = fc.string({ unit: fc.constantFrom(...HOSTILE_PARTS), maxLength: 200 });
  fc.assert(
    fc.property(hostile, fc.constantFrom("hello", "other"), fc.constantFrom(1_000, 10 ** 9), (text, deployment, nowMs) => {
      const heard = readStatus(new TextEncoder().encode(JSON.stringify(saying(text, deployment))));
      expect(heard.ok).toBe(true);
      if (!heard.ok) return;
      const out = printed(heard.value, nowMs);
      expect(OBEYED.test(out)).toBe(false);
      expect(out.isWellFormed()).toBe(true);
    }),
  );
});
