// How `eventually` waits, and what its error says when it has waited in vain.

import { expect, test } from "vitest";
import { eventually } from "./eventually.ts";

test("gives the first answer that is one", async () => {
  const answers = [undefined, null, false, 0];
  expect(await eventually(() => answers.shift(), { intervalMs: 1 })).toBe(0);
});

test("a probe that throws is asked again", async () => {
  let calls = 0;
  const probe = (): string => {
    calls += 1;
    if (calls < 3) throw new Error("not yet");
    return "here";
  };
  expect(await eventually(probe, { intervalMs: 1 })).toBe("here");
});

test("at the time-out reports what was awaited and the last error", async () => {
  const probe = (): never => {
    throw new Error("connection refused");
  };
  const waiting = eventually(probe, { what: "the page answers", timeoutMs: 30, intervalMs: 5 });
  await expect(waiting).rejects.toThrow("the page answers: not within 30 ms; last error: connection refused");
});

test("at the time-out reports the last answer", async () => {
  await expect(eventually(() => null, { timeoutMs: 30, intervalMs: 5 })).rejects.toThrow("last answer: null");
});

test("a probe that never answers does not hold it up", async () => {
  const never = (): Promise<string> => new Promise(() => undefined);
  await expect(eventually(never, { timeoutMs: 30 })).rejects.toThrow(/not within 30 ms/);
});
