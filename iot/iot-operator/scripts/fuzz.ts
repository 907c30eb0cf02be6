// Tries many changes of a git repository (`npm run fuzz`, beside the Scores). What fails is printed
// with its seed; `--seed N --count 1` fails again.

import { parseArgs } from "node:util";
import { fuzzGit } from "../test/fuzz/fuzz-git.ts";

const { values } = parseArgs({ options: { count: { type: "string" }, seed: { type: "string" }, seconds: { type: "string" } } });
const seed = Number(values.seed ?? Date.now() % 2_147_483_647);
const startedMs = performance.now();
const untilMs = startedMs + Number(values.seconds ?? Infinity) * 1_000;
const { tried, removals, slowestMs, found } = await fuzzGit({ seed, count: Number(values.count ?? 1_000_000), untilMs });
const seconds = Math.round((performance.now() - startedMs) / 1_000);
console.log(`${tried} commits from seed ${seed}, ${removals} removals in them, the slowest in ${Math.round(slowestMs)} ms (${seconds} s)`);
if (found !== null) {
  console.log(`seed ${found.seed}: ${found.what.slice(0, 2_000)}`);
  process.exitCode = 1;
}
