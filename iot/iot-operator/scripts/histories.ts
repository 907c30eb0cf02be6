// Tries many histories of removals (`npm run histories -- --count 100000 --seed 1`), more than a
// check has time for. What fails is printed with its seed and path; given again as --seed and
// --path, it fails again.

import { parseArgs } from "node:util";
import * as fc from "fast-check";
import { live, someHistory } from "../test/histories/history.ts";

const { values } = parseArgs({ options: { count: { type: "string" }, seed: { type: "string" }, path: { type: "string" } } });
const seed = Number(values.seed ?? Date.now() % 2_147_483_647);
const numRuns = Number(values.count ?? 10_000);
const startedMs = performance.now();
const result = fc.check(fc.property(someHistory, live), { numRuns, seed, ...(values.path === undefined ? {} : { path: values.path }) });
const seconds = Math.round((performance.now() - startedMs) / 1_000);
if (result.failed) {
  console.log(`${String(result.errorInstance)}\n${fc.defaultReportMessage(result)}`);
  process.exitCode = 1;
} else console.log(`${result.numRuns} histories with seed ${seed}: no device dropped what nobody deleted (${seconds} s)`);
