// Compares two agents measured side by side, as a table. A is the known one. B is judged by whether
// its median lies within what A itself measured from round to round. Pure.

import * as z from "zod/mini";
import { ms, percentile } from "./measurement.ts";

const Unit = z.enum(["ms", "MB", "%"]);

export const Comparison = z.object({
  what: z.string(),
  unit: Unit,
  /** One value a round. Less is better. */
  a: z.array(z.number()),
  b: z.array(z.number()),
});
export type Comparison = z.output<typeof Comparison>;

export interface Compared {
  /** The names of the two. */
  readonly a: string;
  readonly b: string;
  readonly machine: string;
  readonly rounds: number;
  readonly idleMinutes: number;
  readonly comparisons: readonly Comparison[];
}

export function verdict({ unit, a, b }: Comparison): string {
  const [ofA, ofB] = [percentile(a, 50), percentile(b, 50)];
  if (ofB > Math.max(...a)) return `worse by ${shown(ofB - ofA, unit)}`;
  if (ofB < Math.min(...a)) return `better by ${shown(ofA - ofB, unit)}`;
  return "within A's spread";
}

export function comparisonTable({ a, b, machine, rounds, idleMinutes, comparisons }: Compared): string {
  const rows = comparisons.map((comparison) => {
    const { what, unit } = comparison;
    const [ofA, ofB] = [percentile(comparison.a, 50), percentile(comparison.b, 50)];
    const [least, greatest] = [Math.min(...comparison.a), Math.max(...comparison.a)];
    const spread = least === greatest ? "none" : `${shown(least, unit)} to ${shown(greatest, unit)}`;
    return `| ${what} | ${shown(ofA, unit)} | ${spread} | ${shown(ofB, unit)} | ${verdict(comparison)} |`;
  });
  return `# Two agents side by side

A is ${a}, B is ${b}: each on a simulated device of its own, measured in turn in ${counted(rounds, "round")}, at rest over ${counted(idleMinutes, "minute")},
on ${machine}. The values are medians; A's spread is from its least value to its greatest. It says little
where the rounds are few, or the rest is shorter than the two minutes between two collections of garbage. All values are in bench-compare.json.

| what | A | A's spread | B | verdict on B |
|---|---|---|---|---|
${rows.join("\n")}
`;
}

function shown(value: number, unit: z.output<typeof Unit>): string {
  if (unit === "ms") return ms(value);
  // A size may differ by some kilobytes.
  return `${value.toFixed(unit === "%" ? 2 : 3)} ${unit}`;
}

function counted(count: number, of: string): string {
  return `${Number(count.toFixed(2))} ${count === 1 ? of : `${of}s`}`;
}
