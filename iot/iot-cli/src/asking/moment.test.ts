import { expect, test } from "vitest";
import { momentOf, spanSeconds } from "./moment.ts";
import { targetOf } from "./target.ts";

const NOW_MS = Date.parse("2026-01-31T10:00:00Z");

test.each([
  ["10m", "2026-01-31T09:50:00.000Z"],
  ["1.5h", "2026-01-31T08:30:00.000Z"],
  ["1d", "2026-01-30T10:00:00.000Z"],
  ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"],
])("%s is a moment", (text, at) => {
  expect(new Date(momentOf(text, NOW_MS)).toISOString()).toBe(at);
});

test.each(["", "10", "m", "-1h", "yesterday", "2026", "1w"])("%j is none, and it is said how one is written", (text) => {
  expect(() => momentOf(text, NOW_MS)).toThrow(
    expect.objectContaining({ exitCode: 2, message: expect.stringContaining("10m") as unknown }),
  );
  expect(spanSeconds(text)).toBeNull();
});

test("a deployment may have its service behind it", () => {
  expect(targetOf("hello")).toEqual({ deployment: "hello" });
  expect(targetOf("hello/web")).toEqual({ deployment: "hello", service: "web" });
  for (const text of ["", "/web", "hello/", "a/b/c", "Hello", "a.b", "*"])
    expect(() => targetOf(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
});
