import { expect, test } from "vitest";
import { parseYamlValue, readWorkloadFiles } from "./index.ts";

test.each([
  ["a:\n\tb: c\n", "2:1", "Tabs cannot indent a line: put spaces in their place"],
  ["a: b: c\n", "1:4", 'a value with a second ": " in it'],
  ["a: 1\n  b: 2\n", "1:4", "or followed by a line that is indented further"],
  ["a:\n  b: 1\n c: 2\n", "3:1", "the line is not indented as those beside it: give it as many spaces as they have"],
  ['a: "x\n', "2:1", 'a text in quotes is not closed: put a " at its end'],
  ["a: 'x\n", "2:1", "a text in quotes is not closed: put a ' at its end"],
  ["a: [1, 2\n", "2:1", "the bracket that ] closes is still open"],
  ["a: @x\n", "1:4", "a value cannot begin with @: put it in quotes"],
  ["a: %x\n", "1:4", "a value cannot begin with %: put it in quotes"],
  ["a: x\nfoo\nb: 1\n", "2:1", 'a line without ": " after its name'],
])("%j is reported in plain words", (text, at, says) => {
  const [issue] = readWorkloadFiles([{ path: "a.yaml", content: Buffer.from(text) }]).issues;
  expect(`${issue?.line}:${issue?.column} ${issue?.message}`).toContain(`${at} is not valid YAML: `);
  expect(issue?.message).toContain(says);
  const read = parseYamlValue({ path: "c.yaml", content: Buffer.from(text) });
  expect(read.ok ? "" : read.problem).toContain(says);
});
