// The pacing is held against the client's own arithmetic: it dials when `last dial + delay <= now`.
// If not, it waits for the smaller of the delay and `last dial + delay - now`, and asks again.

import { expect, test } from "vitest";
import { createReconnectPacing, type ReconnectPacing } from "./reconnect-pacing.ts";

interface Client {
  readonly pacing: ReconnectPacing;
  /** The wait before it dials; null when it does not dial within that time. */
  dialsWithin(ms: number): number | null;
}

function startClient(options: { lastDialMs: number; wallMs: number; random: number }): Client {
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
  const dialsWithin = (ms: number): number | null => {
    const startedMs = monotonicMs;
    while (monotonicMs - startedMs <= ms) {
      const delayMs = pacing.delayMs();
      if (lastDialMs + delayMs <= wallMs) {
        lastDialMs = wallMs;
        return monotonicMs - startedMs;
      }
      const pauseMs = Math.min(delayMs, lastDialMs + delayMs - wallMs);
      monotonicMs += pauseMs;
      wallMs += pauseMs;
    }
    return null;
  };
  return { pacing, dialsWithin };
}

const HOUR_MS = 3_600_000;
const now = { lastDialMs: 0, wallMs: 1_000_000, random: 0.5 };

test("the first attempt waits its share of two seconds, and no other is made until it is released", () => {
  const { dialsWithin } = startClient(now);
  expect(dialsWithin(HOUR_MS)).toBe(1_000);
  expect(dialsWithin(HOUR_MS)).toBeNull();
});

test("no share at all is at once", () => {
  expect(startClient({ ...now, random: 0 }).dialsWithin(HOUR_MS)).toBe(0);
});

test("released, it dials each server once, at once", () => {
  const { pacing, dialsWithin } = startClient(now);
  dialsWithin(HOUR_MS);
  pacing.release(2);
  expect([dialsWithin(HOUR_MS), dialsWithin(HOUR_MS), dialsWithin(HOUR_MS)]).toEqual([0, 0, null]);
});

test("released before its first attempt, it does not wait for it", () => {
  const { pacing, dialsWithin } = startClient({ ...now, random: 0.9 });
  expect(dialsWithin(500)).toBeNull();
  pacing.release(1);
  expect(dialsWithin(HOUR_MS)).toBe(0);
});

test("a connection that came back begins anew", () => {
  const { pacing, dialsWithin } = startClient(now);
  dialsWithin(HOUR_MS);
  pacing.connected();
  expect(dialsWithin(HOUR_MS)).toBe(1_000);
});

test.each([
  ["set back by a day", 100_000_000, 13_600_000],
  ["set forward by a day", 13_600_000, 100_000_000],
])("a clock that is %s changes nothing", (_what, lastDialMs, wallMs) => {
  const { pacing, dialsWithin } = startClient({ lastDialMs, wallMs, random: 0.5 });
  expect(dialsWithin(HOUR_MS)).toBe(1_000);
  pacing.release(1);
  expect(dialsWithin(HOUR_MS)).toBe(0);
});

test("whoever waits for the client's own dials hears when they are over, and how long the last one took", async () => {
  let monotonicMs = 0;
  let isReady = true;
  const clock = { monotonicMs: () => monotonicMs, now: () => monotonicMs };
  const pacing = createReconnectPacing(
    () => 0,
    clock,
    () => 0,
    () => isReady,
  );
  const heard: number[] = [];
  const waits = pacing.still().then((tookMs) => heard.push(tookMs));
  expect(pacing.delayMs()).toBe(-Infinity);
  monotonicMs = 10_000;
  await Promise.resolve();
  expect(heard).toEqual([]);
  pacing.delayMs();
  await waits;
  expect(heard).toEqual([10_000]);
  // It is counted once.
  expect(await pacing.still()).toBe(0);
  // A client that has nothing to dial with dials not.
  pacing.release(1);
  isReady = false;
  expect(await pacing.still()).toBe(0);
});
