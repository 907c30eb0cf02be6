// The largest Scores are taken, and come to rest on a device; some thousand changed ones do no
// harm. `npm run fuzz` tries many more.

import { expect, test } from "vitest";
import { fuzz } from "../test/fuzz/fuzz.ts";
import { judge } from "../test/fuzz/judge.ts";
import { LARGE } from "../test/fuzz/largest.ts";

test.each(Object.entries(LARGE))(
  "%s: the largest is accepted, and all holds",
  (_name, make) => {
    expect(judge(make(1))).toEqual({ accepted: true, wrong: null });
  },
  120_000,
);

test("changed Scores are refused in words, or all holds", () => {
  const { found, tried, accepted } = fuzz({ seed: 20_261_128, count: 500, untilMs: Infinity });
  expect(found).toBeNull();
  expect(tried).toBe(500);
  expect(accepted).toBeGreaterThan(10);
}, 120_000);
