import { expect, test } from "vitest";
import { formatOrigin, parseOrigin } from "./origin.ts";

test("an origin is written in words that are read back", () => {
  const origin = { revision: 12, source: "git:demo of all" };
  expect(formatOrigin(origin)).toBe("12 of git:demo of all");
  expect(parseOrigin(formatOrigin(origin))).toEqual(origin);
});

test.each(["", "made by hand", "4"])("%j is no origin", (text) => {
  expect(parseOrigin(text)).toBeNull();
});
