import { expect, test } from "vitest";
import { comparisonTable, verdict } from "./comparison.ts";

const A = [100, 104, 96];

test.each([
  ["the same", [100, 100, 100], "within A's spread"],
  ["as slow as A at its slowest", [104, 104, 90], "within A's spread"],
  ["slower than A ever was", [105, 110, 90], "worse by 5.0 ms"],
  ["faster than A ever was", [95, 90, 110], "better by 5.0 ms"],
])("%s", (_, b, expected) => {
  expect(verdict({ what: "a swap", unit: "ms", a: A, b })).toBe(expected);
});

test("sizes, which have no spread, differ by what they differ", () => {
  expect(verdict({ what: "executable", unit: "MB", a: [109.3], b: [109.3] })).toBe("within A's spread");
  expect(verdict({ what: "executable", unit: "MB", a: [109.3], b: [109.312] })).toBe("worse by 0.012 MB");
});

test("a row of the table has both, and the spread", () => {
  const comparisons = [
    { what: "a swap", unit: "ms" as const, a: A, b: [105, 110, 9] },
    { what: "executable", unit: "MB" as const, a: [109.3], b: [109.3] },
  ];
  const table = comparisonTable({ a: "v1", b: "v2", machine: "a machine", rounds: 3, idleMinutes: 1, comparisons });
  expect(table).toContain("A is v1, B is v2");
  expect(table).toContain("in 3 rounds, at rest over 1 minute,");
  expect(table).toContain("| a swap | 100 ms | 96 ms to 104 ms | 105 ms | worse by 5.0 ms |\n");
  expect(table).toContain("| executable | 109.300 MB | none | 109.300 MB | within A's spread |\n");
});
