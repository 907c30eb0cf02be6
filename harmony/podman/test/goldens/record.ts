// Writes the goldens: the results of today's code for the stored inputs, after a change of
// behaviour that is meant. With `--inputs` the inputs are made anew as well, from the seed and from
// the stored cases of the planner's tables; only code with the Snapshot of v0.1.0 can do that.

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
    // The input is used as it is read back: the order of some sentences is that of an object's
    // keys.
    const input: unknown = JSON.parse(canonicalJson(made));
    return { name, input, output: run(input) };
  }),
);
