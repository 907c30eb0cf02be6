// What a change of many Deployments costs the API server, and how long it takes.

import { expect, test } from "vitest";
import { type News, StatusPace } from "./status-pace.ts";

const newsOf = (count: number, isCondition: boolean, from = 0): News[] =>
  Array.from({ length: count }, (_, index) => ({ uid: `u${from + index}`, isCondition }));

/** Asks each second until nothing waits; what was written in each. */
function writtenEachSecond(news: readonly News[]): (readonly string[])[] {
  const pace = new StatusPace();
  const seconds: (readonly string[])[] = [];
  let waiting = news;
  for (let second = 0; waiting.length > 0 && second < 100; second += 1) {
    const written = pace.choose(waiting, second * 1_000);
    waiting = waiting.filter(({ uid }) => !written.includes(uid));
    seconds.push(written);
  }
  return seconds;
}

test("1,000 conditions that change together are written within 20 s, at most 50 in a second", () => {
  const seconds = writtenEachSecond(newsOf(1_000, true));
  expect(seconds).toHaveLength(20);
  expect(Math.max(...seconds.map(({ length }) => length))).toBe(50);
});

test("conditions come before counters, whichever waited longer", () => {
  const pace = new StatusPace();
  pace.choose(newsOf(120, false), 0);
  const chosen = pace.choose([...newsOf(70, false, 50), ...newsOf(30, true, 1_000)], 1_000);
  expect(chosen.slice(0, 30)).toEqual(newsOf(30, true, 1_000).map(({ uid }) => uid));
  expect(chosen).toHaveLength(50);
});

test("the one that waits longest is written first, though others come each second", () => {
  const pace = new StatusPace();
  pace.choose(newsOf(50, true), 0);
  pace.choose([...newsOf(50, true, 100), { uid: "first", isCondition: true }], 500);
  const chosen = pace.choose([...newsOf(60, true, 200), { uid: "first", isCondition: true }], 1_000);
  expect(chosen[0]).toBe("first");
});

test("counters alone are written every 10 s, a condition at once", () => {
  const pace = new StatusPace();
  const counters = newsOf(1, false);
  const times = Array.from({ length: 31 }, (_, second) => pace.choose(counters, second * 1_000).length);
  expect(times.flatMap((count, second) => (count > 0 ? [second] : []))).toEqual([0, 10, 20, 30]);
  expect(pace.choose(newsOf(1, true), 31_000)).toEqual(["u0"]);
});

test("asked ten times a second it lets no more through", () => {
  const pace = new StatusPace();
  let waiting = newsOf(1_000, true);
  let written = 0;
  for (let tenth = 0; tenth < 100; tenth += 1) {
    const chosen = new Set(pace.choose(waiting, tenth * 100));
    written += chosen.size;
    waiting = waiting.filter(({ uid }) => !chosen.has(uid));
  }
  expect(written).toBeLessThanOrEqual(550);
  expect(written).toBeGreaterThan(500);
});

test("those that are refused again and again keep nobody waiting", () => {
  const pace = new StatusPace();
  const refused = newsOf(50, true);
  const all = [...refused, { uid: "new", isCondition: true }];
  pace.choose(refused, 0);
  const chosen = [1_000, 2_000, 3_000].flatMap((atMs) => pace.choose(all, atMs));
  expect(chosen).toContain("new");
});
