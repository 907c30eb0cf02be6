import { expect, test } from "vitest";
import { circlesOf, importsOf, roomsOf } from "./import-circles.ts";

function graph(arrows: Readonly<Record<string, readonly string[]>>): Map<string, Set<string>> {
  return new Map(Object.entries(arrows).map(([from, to]) => [from, new Set(to)]));
}

test.each<[string, Record<string, string[]>, string[][]]>([
  ["nothing", {}, []],
  ["a line", { a: ["b"], b: ["c"], c: [] }, []],
  ["a diamond", { a: ["b", "c"], b: ["d"], c: ["d"], d: [] }, []],
  ["two that import each other", { b: ["a"], a: ["b"] }, [["a", "b"]]],
  ["a circle of three behind a line", { start: ["a"], a: ["b"], b: ["c"], c: ["a", "end"], end: [] }, [["a", "b", "c"]]],
  ["two circles that meet are one", { a: ["b", "c"], b: ["a"], c: ["a"] }, [["a", "b", "c"]]],
  ["what is imported and has no sources of its own", { a: ["elsewhere"] }, []],
])("circles of %s", (_what, arrows, expected) => {
  expect(circlesOf(graph(arrows))).toEqual(expected);
});

test("an import counts in each of its forms, and one of a package does not", () => {
  const source = `import type { A } from "./a.ts";
import {
  b,
} from "../room/b.ts";
export { c } from "./inner/c.ts";
import * as z from "zod";
const d = await import("./d.ts");
`;
  expect(importsOf("p/src/plan/x.ts", source)).toEqual(["p/src/plan/a.ts", "p/src/room/b.ts", "p/src/plan/inner/c.ts", "p/src/plan/d.ts"]);
});

test("rooms are the folders, and a file's neighbour is no arrow", () => {
  const files = graph({ "s/plan/a.ts": ["s/plan/b.ts", "s/model/c.ts"], "s/plan/b.ts": [], "s/model/c.ts": ["s/plan/b.ts"] });
  expect(circlesOf(roomsOf(files))).toEqual([["s/model", "s/plan"]]);
  expect(circlesOf(files)).toEqual([]);
});
