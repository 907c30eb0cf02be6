// Writes the goldens: what today's code gives for the stored inputs, for a change of behaviour that
// is meant. With `--inputs` the inputs are made anew as well; only code with the inputs of v0.1.0
// can.

import { canonicalJson } from "@harmony/schema";
import { readGoldens, writeGoldens } from "@iot/testkit";
import { GOLDENS_FILE, run } from "./adapter.ts";
import { generated } from "./inputs.ts";

const inputs = process.argv.includes("--inputs") ? generated(150) : readGoldens(GOLDENS_FILE);
writeGoldens(
  GOLDENS_FILE,
  inputs.map(({ name, input: made }) => {
    // As it is read back: the order of an object's keys may be that of a sentence.
    const input: unknown = JSON.parse(canonicalJson(made));
    return { name, input, output: run(input) };
  }),
);
