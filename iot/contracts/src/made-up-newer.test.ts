// Today's code reads what a later version may send: an unknown phase, field, reason or capability
// is kept and shown as it is. Only the agent reads the history
// (iot/iot-agent/src/recorded.test.ts).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "@harmony/schema";
import { expect, test } from "vitest";
import type * as z from "zod/mini";
import { DeploymentStatus, DeviceInventory, DeviceStatus, HistoryEntry, Manifest, Score } from "./index.ts";

const NEWER = join(import.meta.dirname, "../recorded/made-up-newer");

const READ: readonly (readonly [string, z.ZodMiniType])[] = [
  ["status-unknown-phase.json", DeviceStatus],
  ["status-unknown-phase-of-service.json", DeviceStatus],
  ["status-unknown-reason.json", DeviceStatus],
  ["status-new-fields.json", DeviceStatus],
  ["inventory-new-capability.json", DeviceInventory],
  ["manifest-new-fields.json", Manifest],
  ["deployment-status-new-fields.json", DeploymentStatus],
  ["score-other-variant.json", Score],
];

test.each(READ)("%s is read, and nothing of it is lost", (file, schema) => {
  const text = readFileSync(join(NEWER, file), "utf8");
  const document: unknown = JSON.parse(text);
  expect(parseJson(schema, text)).toEqual({ ok: true, value: document });
});

test("a phase of the history that is not known is read as it was written", () => {
  const lines = readFileSync(join(NEWER, "history-unknown-phase.jsonl"), "utf8").trimEnd().split("\n");
  const documents = lines.map((line): unknown => JSON.parse(line));
  expect(lines.map((line) => parseJson(HistoryEntry, line))).toEqual(documents.map((value) => ({ ok: true, value })));
});
