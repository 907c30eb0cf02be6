import * as fc from "fast-check";
import { expect, test } from "vitest";
import { plainText, visibleJson, visibleLines, visibleText } from "./plain-text.ts";

test.each([
  ["words as they are", "image nginx:1 is not there: put the tag right", "image nginx:1 is not there: put the tag right"],
  ["other scripts", "l’image n’est pas là, 画像がない, 🙂", "l’image n’est pas là, 画像がない, 🙂"],
  ["colours", "\u001b[31mred\u001b[0m", "red"],
  ["a cleared screen", "a\u001b[2J\u001b[Hb", "ab"],
  ["a link", "\u001b]8;;https://evil.example\u0007here\u001b]8;;\u0007", "here"],
  ["a title that ends in ST", "\u001b]0;title\u001b\\x", "x"],
  ["a sequence of one byte", "\u009b31mred\u009d0;title\u009cx", "redx"],
  ["a sequence without an end", "a\u001b]0;title", "a"],
  ["a reset", "\u001bcx", "x"],
  ["lines", "one\r\ntwo\u2028three\tfour", "one two three four"],
  ["a line that is written over", "failed\rall well", "failed all well"],
  ["marks of direction", "a\u202eb\u2066c\u200fd\u061ce", "abcde"],
  ["control characters", "a\u0000b\u0007c\u007fd\u0085e", "abcd e"],
  ["half a character", "a\ud800b", "a\ufffdb"],
])("%s", (_what, text, expected) => {
  expect(plainText(text, 1_000)).toBe(expected);
});

test.each([
  [5, "12345", "12345"],
  [4, "12345", "123…"],
  [3, "1🙂2345", "1\ufffd…"],
  [4, `${"\u001b[0m".repeat(100)}12345`, "…"],
  [0, "1", "…"],
])("at most %i characters", (most, text, expected) => {
  expect(plainText(text, most)).toBe(expected);
});

test("whatever it is given, nothing is left that a terminal obeys, and it takes no longer than the text is", () => {
  const hostile = fc.string({
    unit: fc.constantFrom("\u001b", "[", "]", "m", "\u0007", "\u009b", "\u202e", "\ud800", "\n", "a", "\\", "0", ";", "\u0000", "\u2028"),
    maxLength: 300,
  });
  const obeyed = /[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029]/u;
  fc.assert(fc.property(hostile, (text) => !obeyed.test(visibleText(text)) && visibleText(text).isWellFormed()));
  fc.assert(fc.property(hostile, fc.nat(50), (text, most) => plainText(text, most).length <= Math.max(1, most)));
  expect(visibleText("\u001b]".repeat(1_000_000))).toBe("");
});

test("JSON for a person is the same value, and shows what would not be seen", () => {
  const obeyed = /(?!\n)[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/u;
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (value) => {
      const text = visibleJson(value, 2);
      expect(obeyed.test(text)).toBe(false);
      expect(JSON.parse(text)).toEqual(value);
      // Whoever makes it plain once more changes nothing.
      expect(visibleLines(text)).toBe(text);
    }),
  );
  expect(visibleJson({ "a\u202e": "\u009b31m\ud800" })).toBe('{"a\\u202e":"\\u009b31m\\ud800"}\n');
});

test("lines stay lines", () => {
  expect(visibleLines("one\u001b[2J\n  two\rthree\n")).toBe("one\n  two three\n");
});
