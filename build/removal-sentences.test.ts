import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasTest, sentencesOf, testedSentences } from "./removal-sentences.ts";

const TOP = join(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(TOP, file), "utf8");

describe("docs/removal.md", () => {
  const tested = testedSentences(read("docs/removal-tests.txt"));

  test("each sentence has a test", () => {
    expect(tested.map(({ sentence }) => sentence)).toEqual(sentencesOf(read("docs/removal.md")));
    expect(tested.filter(({ tests }) => tests.length === 0)).toEqual([]);
  });

  test("each test that is named is there", () => {
    const missing = tested
      .flatMap(({ tests }) => tests)
      .filter((line) => {
        const [file = "", name = ""] = line.split(/: (.*)/);
        return !existsSync(join(TOP, file)) || !hasTest(read(file), name);
      });
    expect(missing).toEqual([]);
  });
});

test("sentences are those of paragraphs and lists, and the rows of tables", () => {
  const markdown = `# A title

One thing. \`iot\` says
another: see e.g. 0.1 of it.

| what | is |
|---|---|
| a row. Of two | yes |

1. First (\`one\`). Then
   more.
2. Second
`;
  expect(sentencesOf(markdown)).toEqual([
    "One thing.",
    "`iot` says another: see e.g. 0.1 of it.",
    "| a row. Of two | yes |",
    "First (`one`).",
    "Then more.",
    "Second",
  ]);
});

test.each([
  ['test("a name", () => {', true],
  ['test.each([\n    ["a name", 1],', true],
  ['  [\n    "a name",\n', true],
  ['])("a name", (_) => {', true],
  ['{\n      name: "a name",', true],
  ['test.skip("a name", () => {', false],
  ['// test("another name", and "a name"', false],
])("a test is found by its name in %j: %s", (source, isThere) => {
  expect(hasTest(source, "a name")).toBe(isThere);
});
