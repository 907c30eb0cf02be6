import type { Phase } from "@harmony/core";
import { expect, test } from "vitest";
import { nextLook } from "./retry-policy.ts";

const look = (phase: Phase, settled: boolean, recheckAfterMs: number | null, attempts: number) =>
  nextLook({ phase, settled, recheckAfterMs }, attempts);

test.each([
  ["runs, and may need a look later", look("Running", true, 7_000, 3), { afterMs: 7_000, attempts: 0 }],
  ["runs, and needs none", look("Running", true, null, 3), { afterMs: null, attempts: 0 }],
  ["is on its way, and the variant knows when there may be news", look("Pulling", false, 2_000, 3), { afterMs: 2_000, attempts: 0 }],
  ["is blocked, and the variant wants it sooner than the back-off", look("Blocked", false, 20, 9), { afterMs: 20, attempts: 10 }],
] as const)("what %s", (_, found, expected) => {
  expect(found).toEqual(expected);
});

test.each(["Blocked", "Failed", "Starting"] as const)("what is %s and names no time is given more and more", (phase) => {
  const first = look(phase, false, null, 0);
  expect(first.attempts).toBe(1);
  expect(first.afterMs).toBeLessThanOrEqual(100);
  const late = look(phase, false, null, 30);
  expect(late.afterMs).toBeGreaterThanOrEqual(10_000);
  expect(late.afterMs).toBeLessThanOrEqual(60_000);
});
