// Writes the goldens: what today's code gives for the stored inputs, for a change of behaviour that
// is meant. With `--inputs` the inputs are made anew as well, of the seed and of the stored cases
// of the planner's tables; only code with the Snapshot of v0.1.0 can.

import { canonicalJson } from "@harmony/schema";
import { readGoldens, writeGoldens } from "@iot/testkit";
import * as z from "zod/mini";
import { GOLDENS_FILE, Input, run } from "./adapter.ts";
import { driven, generated, type NamedInput } from "./inputs.ts";

const stored = readGoldens(GOLDENS_FILE).map(({ name, input }): NamedInput => ({ name, input: z.parse(Input, input) }));

function anew(): NamedInput[] {
  const cases = stored.filter(({ name }) => name.startsWith("case "));
  const all = [...cases, ...generated(300), ...cases.flatMap(driven)];
  return [...new Map(all.toReversed().map((each) => [canonicalJson(each.input), each])).values()].toReversed();
}

const inputs = process.argv.includes("--inputs") ? anew() : stored;
writeGoldens(
  GOLDENS_FILE,
  inputs.map(({ name, input: made }) => {
    // As it is read back: the order of an object's keys is that of some sentences.
    const input: unknown = JSON.parse(canonicalJson(made));
    return { name, input, output: run(input) };
  }),
);
