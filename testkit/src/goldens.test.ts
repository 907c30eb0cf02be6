import { join } from "node:path";
import { expect, test } from "vitest";
import { differencesFromGoldens, readGoldens, writeGoldens } from "./goldens.ts";
import { makeTempFolder } from "./temp-folder.ts";

const goldens = [
  { name: "one", input: 1, output: { list: [{ b: 2, a: 1 }], text: "x" } },
  { name: "two", input: 2, output: { list: [], text: "y" } },
];

test("goldens are read as they were written", async () => {
  const folder = await makeTempFolder("goldens");
  const file = join(folder.path, "some.jsonl.gz");
  writeGoldens(file, goldens);
  expect(readGoldens(file)).toEqual(goldens);
  await folder.remove();
});

test("the first place that differs is named, with how many cases differ", () => {
  const outputs = [
    { text: "x", list: [{ a: 1, b: 2, none: undefined }] },
    { text: "y", list: [3] },
  ];
  expect(differencesFromGoldens(goldens.slice(0, 1), () => outputs[0])).toBe("");
  expect(differencesFromGoldens(goldens, (input) => outputs[Number(input) - 1])).toBe(
    '1 of 2 cases differ, the first is "two"\n  list[0]\n    was absent\n    is  3',
  );
});
