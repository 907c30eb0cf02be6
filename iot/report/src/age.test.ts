import { expect, test } from "vitest";
import { shownAge } from "./age.ts";

test.each([
  [0, "0 s"],
  [89, "89 s"],
  [90, "2 min"],
  [5399, "90 min"],
  [5400, "2 h"],
  [200_000, "2 d"],
])("%i seconds are %s", (count, text) => {
  expect(shownAge(count)).toBe(text);
});
