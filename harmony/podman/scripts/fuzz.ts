// Tries many PodmanV0 documents at the limits (`npm run fuzz`: a million, for a night; check.sh
// gives it some seconds). What fails is printed with its seed; `--seed N --count 1` fails again.

import { parseArgs } from "node:util";
import { fuzz } from "../test/fuzz/fuzz.ts";

const { values } = parseArgs({ options: { count: { type: "string" }, seed: { type: "string" }, seconds: { type: "string" } } });
const seed = Number(values.seed ?? Date.now() % 2_147_483_647);
const startedMs = performance.now();
const untilMs = startedMs + Number(values.seconds ?? Infinity) * 1_000;
const { tried, accepted, slowestMs, found } = fuzz({ seed, count: Number(values.count ?? 1_000_000), untilMs });
const seconds = Math.round((performance.now() - startedMs) / 1_000);
console.log(`${tried} Scores from seed ${seed}, ${accepted} of them accepted, the slowest in ${Math.round(slowestMs)} ms (${seconds} s)`);
if (found !== null) {
  console.log(`seed ${found.seed}: ${found.what}\n${JSON.stringify(found.document)?.slice(0, 2_000)}`);
  process.exitCode = 1;
}
