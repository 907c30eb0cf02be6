import { DEVICE_HISTORY, HISTORY_BURST, type HistoryEntry } from "@iot/contracts";
import { expect, test } from "vitest";
import { nextEvent, type Sent } from "./next-event.ts";

const NOW = { bootId: "this", monotonicMs: 10_000 };
const SENT: Sent = { n: 0, sequence: 7, upTo: null };
const entry = (n: number, more: Partial<HistoryEntry> = {}): HistoryEntry => ({
  at: "2026-01-01T00:00:00Z",
  deployment: "hello",
  phase: "Running",
  reason: "Running",
  message: "m",
  revision: 1,
  n,
  bootId: "this",
  monotonicMs: n * 1_000,
  ...more,
});
const many = (count: number, deployment = "hello", from = 1): HistoryEntry[] =>
  Array.from({ length: count }, (_, index) => entry(from + index, { deployment }));

test("the next one alone, and how long ago it was by the clock of this boot", () => {
  expect(nextEvent([entry(1), entry(2)], SENT, NOW)).toMatchObject({ upTo: 1, event: { n: 1, agoMs: 9_000 } });
  expect(nextEvent([], SENT, NOW)).toBeNull();
});

test.each([
  ["of another boot", { bootId: "another" }],
  ["that an older agent wrote", { bootId: undefined, monotonicMs: undefined }],
])("nothing is said of how long ago one was %s", (_what, more) => {
  expect(nextEvent([entry(1, more)], SENT, NOW)?.event).not.toHaveProperty("agoMs");
});

test("as many as are sent at once go one by one; of more, those of one deployment that follow each other are one", () => {
  expect(nextEvent(many(HISTORY_BURST), SENT, NOW)).toMatchObject({ upTo: 1 });
  const waiting = [...many(3), ...many(HISTORY_BURST, "other", 4)];
  expect(nextEvent(waiting, SENT, NOW)).toMatchObject({ upTo: 3, event: { n: 3, merged: 2, deployment: "hello" } });
});

test("what was begun is ended with the same bounds, however many wait now", () => {
  expect(nextEvent(many(2), { ...SENT, upTo: 2 }, NOW)).toMatchObject({ upTo: 2, event: { n: 2, merged: 1 } });
  expect(nextEvent(many(30), { ...SENT, upTo: 3 }, NOW)).toMatchObject({ upTo: 3, event: { n: 3, merged: 2 } });
  // It is not kept any more.
  expect(nextEvent(many(2, "hello", 9), { ...SENT, upTo: 3 }, NOW)).toEqual({ upTo: 3, event: null });
});

test.each([["€"], ["\u{1f600}"], ['"'], ["\\"]])("the longest words of a transition fit: %s", (letter) => {
  const long = letter.repeat(5_000);
  const trace = { writtenAt: "2026-01-01T00:00:00.000Z", readMs: 1e9, pulledMs: 1e9, createdMs: 1e9, startedMs: 1e9, healthyMs: 1e9 };
  const next = nextEvent([entry(1, { message: long, source: long, commit: long, trace })], SENT, NOW);
  expect(Buffer.byteLength(JSON.stringify(next?.event))).toBeLessThanOrEqual(DEVICE_HISTORY.maxEventBytes - 256);
});
