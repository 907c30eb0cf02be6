import { expect, test } from "vitest";
import { consentsIn } from "./consents.ts";

test.each([
  [["default/a"], ["default/a"], []],
  [["default/a, plant/b,default/c", "default/d,"], ["default/a", "plant/b", "default/c", "default/d"], []],
  [["hello"], [], ["hello"]],
  [["default/", "/a", "a/b/c", "Default/a", "default/*", "all"], [], ["default/", "/a", "a/b/c", "Default/a", "default/*", "all"]],
  [["", " , "], [], []],
])("%j", (trailers, names, wrong) => {
  expect(consentsIn(trailers)).toEqual({ names: new Set(names), wrong });
});
