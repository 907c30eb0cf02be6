// Histories of a world that nobody planned: whatever people, clusters, repositories and power cuts
// do, in whatever order, a device drops only what was deleted or given up. `npm run histories --
// --count 100000 --seed 1` tries more; a seed that fails is tried again by it.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { live, someHistory } from "../../../test/histories/history.ts";

test("in 3,000 histories a device drops only what was deleted or given up, and what is deleted by its name goes", () => {
  const result = fc.check(fc.property(someHistory, live), { numRuns: 3_000, seed: 30 });
  expect(result.failed ? `${String(result.errorInstance)}\n${fc.defaultReportMessage(result)}` : "").toBe("");
});

test("npm run histories repeats a seed", async () => {
  const script = fileURLToPath(new URL("../../../scripts/histories.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--count", "20", "--seed", "7"]);
  expect(stdout).toMatch(/^20 histories with seed 7: no device dropped what nobody deleted/);
});
