import { afterEach, expect, test } from "vitest";
import { duration, localTime, minuteOfDay, timeOfDay } from "./times.ts";

const zone = process.env["TZ"];
afterEach(() => {
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
});

test.each([
  ["UTC", "2026-06-01 10:31:05 UTC"],
  ["Europe/Zurich", "2026-06-01 12:31:05 UTC+2"],
  ["America/St_Johns", "2026-06-01 08:01:05 UTC-2:30"],
  ["Asia/Kathmandu", "2026-06-01 16:16:05 UTC+5:45"],
])("in %s a time has its zone", (name, shown) => {
  process.env["TZ"] = name;
  expect(localTime(Date.parse("2026-06-01T10:31:05.999Z"))).toBe(shown);
  expect(timeOfDay("2026-06-01T10:31:05Z")).toBe(shown.slice(11));
  expect(minuteOfDay("2026-06-01T10:31:05Z")).toBe(`${shown.slice(11, 16)}${shown.slice(19)}`);
});

test("what is no time is shown as that", () => {
  expect([localTime(Number.NaN), timeOfDay(""), minuteOfDay("soon")]).toEqual(Array.from({ length: 3 }, () => "an unknown time"));
});

test.each([
  [3, "3 s"],
  [89, "89 s"],
  [175, "3 min"],
  [300, "5 min"],
  [5_400, "2 h"],
])("%d seconds are %s", (seconds, shown) => {
  expect(duration(seconds)).toBe(shown);
});
