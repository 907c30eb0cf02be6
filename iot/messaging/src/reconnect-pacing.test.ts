// Held against the client's own arithmetic: it dials when `last dial + delay <= now`, and else waits for the smaller of the delay and
// `last dial + delay - now`, and asks again.

import { expect, test } from "vitest";
import { createReconnectPacing } from "./reconnect-pacing.ts";

function simulate(options: { lastDialMs: number; wallMs: number; random: number }): { waitMs: (attempts: number) => number[] } {
  let monotonicMs = 1_000;
  let wallMs = options.wallMs;
  let lastDialMs = options.lastDialMs;
  const clock = { monotonicMs: () => monotonicMs, now: () => wallMs };
  const pacing = createReconnectPacing(
    () => lastDialMs,
    clock,
    () => options.random,
  );
  pacing.connected();
  const untilDialMs = (): number => {
    const startedMs = monotonicMs;
    for (let asked = 0; asked < 10; asked++) {
      const delayMs = pacing.delayMs();
      if (lastDialMs + delayMs <= wallMs) {
        lastDialMs = wallMs;
        return monotonicMs - startedMs;
      }
      const pauseMs = Math.min(delayMs, lastDialMs + delayMs - wallMs);
      monotonicMs += pauseMs;
      wallMs += pauseMs;
    }
    throw new Error("it never dials");
  };
  return { waitMs: (attempts) => Array.from({ length: attempts }, untilDialMs) };
}

test("the first attempt already waits its share of two seconds, later ones more, up to ten", () => {
  expect(simulate({ lastDialMs: 0, wallMs: 1_000_000, random: 0.5 }).waitMs(5)).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
});

test.each([
  ["set back by a day", 100_000_000, 13_600_000],
  ["set forward by a day", 13_600_000, 100_000_000],
])("a clock that is %s changes nothing", (_what, lastDialMs, wallMs) => {
  expect(simulate({ lastDialMs, wallMs, random: 0.5 }).waitMs(2)).toEqual([1_000, 2_000]);
});

test("no share at all is at once", () => {
  expect(simulate({ lastDialMs: 0, wallMs: 1_000_000, random: 0 }).waitMs(2)).toEqual([0, 0]);
});
