// What a flood of news costs who reads the reports.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeploymentResult } from "../sources/source.ts";
import { BURST, REFILL_MS, ReportPace, WORDS_EVERY_MS } from "./report-pace.ts";

interface News {
  readonly running: number;
  readonly message: string;
  readonly generation: number;
}

function result({ running, message, generation }: News, uid = "u"): DeploymentResult {
  const condition = { status: running === 2 ? "True" : "False", reason: "R", message } as const;
  return {
    uid,
    namespace: "default",
    name: "hello",
    generation,
    scoreString: "{}",
    conditions: { Ready: condition, Reconciling: condition, Stalled: condition },
    aggregate: { devices: 2, running, pending: 0, failed: 2 - running, offline: 0, failures: [] },
  };
}
const still: News = { running: 0, message: "m", generation: 1 };

/** How often the report changes, when it is read once a second. */
function timesChanged(seconds: number, newsAt: (second: number) => News): number {
  const pace = new ReportPace();
  let [times, last] = [0, ""];
  for (let second = 0; second < seconds; second += 1) {
    const reported = JSON.stringify(pace.paced(result(newsAt(second)), second * 1_000));
    if (reported !== last) times += 1;
    last = reported;
  }
  return times;
}

describe("in an hour, asked each second", () => {
  test.each([
    ["the same is reported once", () => still, 1],
    ["other words each second are reported every 10 s", (at: number) => ({ ...still, message: `m${at}` }), 3_600_000 / WORDS_EVERY_MS],
    [
      "a state that flaps is reported as often as its budget is filled",
      (at: number) => ({ ...still, running: at % 2 }),
      BURST + 3_600_000 / REFILL_MS,
    ],
    ["what the owner changes is reported at once", (at: number) => ({ ...still, generation: at }), 3_600],
  ])("%s", (_what, newsAt, most) => {
    const times = timesChanged(3_600, newsAt);
    expect(times).toBeLessThanOrEqual(most);
    expect(times).toBeGreaterThan(most * 0.9 - 1);
  });
});

test("a change of state is reported at once, in the middle of a flood of words", () => {
  const pace = new ReportPace();
  pace.paced(result(still), 0);
  expect(pace.paced(result({ ...still, message: "other" }), 5_000).conditions.Ready.message).toBe("m");
  expect(pace.paced(result({ ...still, message: "other", running: 2 }), 5_001).conditions.Ready).toMatchObject({
    status: "True",
    message: "other",
  });
});

test("a Deployment that is gone is forgotten", () => {
  const pace = new ReportPace();
  pace.paced(result(still), 0);
  pace.keepOnly(new Set());
  expect(pace.paced(result({ ...still, message: "new" }), 1).conditions.Ready.message).toBe("new");
});

test("whatever came, what is so is reported within 10 s of quiet", () => {
  const news = fc.record({ running: fc.nat(2), message: fc.constantFrom("a", "b", "c"), generation: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(fc.tuple(news, fc.nat(12_000)), { minLength: 1 }), (events) => {
      const pace = new ReportPace();
      let nowMs = 0;
      for (const [event, afterMs] of events) pace.paced(result(event), (nowMs += afterMs));
      const last = result(events.at(-1)?.[0] ?? still);
      expect(pace.paced(last, nowMs + WORDS_EVERY_MS)).toEqual(last);
    }),
  );
});
