import { expect, test } from "vitest";
import { wrapSentence } from "./sentence.ts";

test("what to do, and what goes on meanwhile, stand on lines of their own where there are three clauses", () => {
  const sentence = "image i does not exist: correct the image; nginx:1 keeps running";
  expect(wrapSentence(sentence, 80, "  ")).toEqual([
    "  image i does not exist",
    "  Do: correct the image",
    "  Meanwhile: nginx:1 keeps running",
  ]);
  expect(wrapSentence("image i does not exist: correct the image", 80, "", { head: "web is Blocked: " })).toEqual([
    "web is Blocked: image i does not exist: correct the image",
  ]);
});
