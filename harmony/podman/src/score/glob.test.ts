// A glob means what the regular expression of before meant, and costs no more than its length times
// that of the path.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { matchesGlob } from "./glob.ts";

function asBefore(glob: string, path: string, extent: "itself" | "or below"): boolean {
  const pattern = glob.replaceAll(/\*\*|[*?]|[^\w/]/g, (found) =>
    found === "**" ? ".*" : found === "*" ? "[^/]*" : found === "?" ? "[^/]" : `\\${found}`,
  );
  return new RegExp(`^(?=.)(?:${pattern})${extent === "or below" ? "(?<!^)(?:/.*)?" : ""}$`).test(path);
}

test("as before, whatever the glob and the path", () => {
  const glob = fc.array(fc.constantFrom("/", "a", "b", ".", "*", "**", "?", "+", "é"), { maxLength: 8 }).map((parts) => parts.join(""));
  const path = fc.array(fc.constantFrom("/", "a", "b", ".", "*", "?", "+", "é"), { maxLength: 10 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(glob, path, fc.constantFrom("itself" as const, "or below" as const), (of, to, extent) => {
      expect(matchesGlob(of, to, extent)).toBe(asBefore(of, to, extent));
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  ["/srv/*-*-*-*-*-*x", `/srv/${"-".repeat(4_000)}`],
  ["/srv/**/**/**/**/x", `/srv${"/a".repeat(2_000)}`],
  [`/srv/${"*a".repeat(50)}b`, `/srv/${"a".repeat(4_000)}`],
  [`/${"?".repeat(4_000)}`, `/${"a".repeat(4_001)}`],
])("%s and a path as long as may be: refused in no time", (glob, path) => {
  const begun = process.cpuUsage();
  expect(matchesGlob(glob, path, "or below")).toBe(false);
  const { user, system } = process.cpuUsage(begun);
  expect((user + system) / 1_000).toBeLessThan(1_000);
});

test("no path with a line break is allowed", () => {
  expect(["/srv/a\nb", "/srv/\u2028"].map((path) => matchesGlob("/srv/**", path))).toEqual([false, false]);
});
