import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

test.each([
  [1, 0, 50],
  [1, 0.999, 100],
  [2, 0, 100],
  [4, 0.5, 600],
  [5, 0, 500],
  [1_000, 0, 500],
])("before try %i, with chance %f, it waits %i ms", (attempt, chance, expected) => {
  expect(backoffMs(attempt, { baseMs: 100, maxMs: 1_000, random: () => chance })).toBe(expected);
});
