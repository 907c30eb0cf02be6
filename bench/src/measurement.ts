// The figures and properties of one measurement, and the arithmetic that all share. A figure means
// something only beside its baseline, taken in the same run on the same machine.

import * as z from "zod/mini";

export const Figure = z.object({
  what: z.string(),
  target: z.string(),
  measured: z.string(),
  /** The same value by other means, in the same run. */
  baseline: z.string(),
  met: z.boolean(),
  /** The numbers behind it, for the JSON file. */
  numbers: z.record(z.string(), z.number()),
});
export type Figure = z.output<typeof Figure>;

export interface Measurement {
  readonly name: string;
  /** About how long it takes, for the person who waits. */
  readonly takesMinutes: number;
  run(): Promise<readonly Figure[]>;
}

/** Uses the nearest rank. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function summary(values: readonly number[]): string {
  return `p50 ${ms(percentile(values, 50))}, p99 ${ms(percentile(values, 99))}`;
}
