import { createLog } from "@harmony/runtime";
import { expect, test } from "vitest";
import { type Handling, keepWatchdogFed, stuck } from "./watchdog.ts";

const worker: Handling = { what: "deployment hello", sinceMs: 1_000, limitMs: 500 };

test.each([
  ["nothing runs", [], 9_000, null],
  ["within its limit", [worker], 1_500, null],
  ["beyond it", [{ ...worker, what: "other", limitMs: 9_000 }, worker], 1_501, worker],
])("%s", (_, handlings, nowMs, expected) => {
  expect(stuck(handlings, nowMs)).toEqual(expected);
});

test("is fed three times in the time it gives, until something is stuck, which is reported once", async () => {
  const lines: string[] = [];
  const fedAt: number[] = [];
  let nowMs = 1_000;
  const end = new AbortController();
  await keepWatchdogFed({
    watchdogMs: 600,
    handlings: () => [worker],
    feed: () => fedAt.push(nowMs),
    log: createLog({ name: "agent", format: "text", write: (line) => void lines.push(line) }),
    signal: end.signal,
    clock: {
      now: () => nowMs,
      monotonicMs: () => nowMs,
      sleep: (ms) => {
        nowMs += ms;
        if (nowMs > 3_000) end.abort();
        return Promise.resolve();
      },
    },
  });
  expect(fedAt).toEqual([1_000, 1_200, 1_400]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("deployment hello has not got on for 1 s");
});
