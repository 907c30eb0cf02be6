// `npm run fuzz`: each fuzzer after the other, with the same words (`--count`, `--seed`,
// `--seconds`, which they share). Packages that may not import each other each have their own.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** And what part of the seconds each gets. */
const FUZZERS: readonly (readonly [script: string, part: number])[] = [
  ["harmony/podman/scripts/fuzz.ts", 0.7],
  ["iot/iot-operator/scripts/fuzz.ts", 0.3],
];

const { values } = parseArgs({ options: { count: { type: "string" }, seed: { type: "string" }, seconds: { type: "string" } } });
const { seconds, ...others } = values;
const words = Object.entries(others).flatMap(([name, value]) => [`--${name}`, value]);
for (const [script, part] of FUZZERS) {
  const time = seconds === undefined ? [] : ["--seconds", String(Number(seconds) * part)];
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, "..", script), ...words, ...time], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
