import { expect, test } from "vitest";
import { WritePace, WRITES_PER_SECOND } from "./write-pace.ts";

/** How many of these writes are made in a second, each tried again when it said to. */
function writesInASecond(lanes: readonly ("transition" | "routine")[]): Record<string, number> {
  const pace = new WritePace<number>();
  const done: Record<string, number> = { transition: 0, routine: 0 };
  let waiting = lanes.map((lane, key) => ({ lane, key, atMs: 0 }));
  for (let nowMs = 0; nowMs < 1_000; nowMs += 1) {
    waiting = waiting.flatMap((one) => {
      if (one.atMs > nowMs) return [one];
      const waitMs = pace.waitMs(one.key, one.lane, nowMs);
      if (waitMs > 0) return [{ ...one, atMs: nowMs + waitMs }];
      done[one.lane] = (done[one.lane] ?? 0) + 1;
      return [];
    });
  }
  return done;
}

test("at most fifty in a second, of which half are transitions", () => {
  const all = Array.from({ length: 400 }, (_, index) => (index % 2 === 0 ? ("routine" as const) : ("transition" as const)));
  expect(writesInASecond(all)).toEqual({ transition: WRITES_PER_SECOND / 2, routine: WRITES_PER_SECOND / 2 });
});

test("a transition does not stand behind what is routine", () => {
  const pace = new WritePace<string>();
  for (let key = 0; key < 1_000; key += 1) pace.waitMs(String(key), "routine", 0);
  expect(pace.waitMs("pi-1", "transition", 0)).toBe(0);
});

test("one that waits for a routine write, and then has a transition, does not wait for the first", () => {
  const pace = new WritePace<string>();
  for (let key = 0; key < 1_000; key += 1) pace.waitMs(String(key), "routine", 0);
  expect(pace.waitMs("999", "transition", 0)).toBe(0);
});
