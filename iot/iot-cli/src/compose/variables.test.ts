import { describe, expect, test } from "vitest";
import { isSecretByName, readEnvFile, replaceVariables, valueOfVariable } from "./variables.ts";

describe("a file of variables", () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    ["A=1\nB = two words \n", { A: "1", B: "two words" }],
    ["# no\n\n  export A=1 # why\n", { A: "1" }],
    ["A='1 # $B'\nB=\"x # y\"\n", { A: "1 # $B", B: "x # y" }],
    ['A="a\\nb \\"c\\" \\$d"\n', { A: 'a\nb "c" $d' }],
    ["A=1\nB=${A}2\nC=$A-${D:-x}-${E}\n", { A: "1", B: "12", C: "1-x-" }],
    ["A='two\nlines'\nB=1", { A: "two\nlines", B: "1" }],
    ["A=a#b\r\nB=\r\n", { A: "a#b", B: "" }],
    ["\uFEFFA: yaml\n", { A: "yaml" }],
    ["a.b-c=1\n", { "a.b-c": "1" }],
  ])("%j", (content, variables) => {
    expect(readEnvFile(content)).toEqual({ variables: new Map(Object.entries(variables)), unset: [], odd: [] });
  });

  test("with what is no variable, and what has no value", () => {
    expect(readEnvFile("A\n=1\nB=2\n")).toEqual({ variables: new Map([["B", "2"]]), unset: ["A"], odd: [2] });
  });
});

test.each([
  ["${A}", "1"],
  ["$A$$A", "1$A"],
  ["${A:-x}${B:-x}${E:-x}${E-x}", "1xx"],
  ["${A:+x}${B:+x}${E:+x}${E+x}", "xx"],
  ["${B:?needed}${B}", "??"],
  ["${B:-${A}}", "1"],
])("%s", (text, becomes) => {
  const known = new Map([
    ["A", "1"],
    ["E", ""],
  ]);
  const expand = (one: string): string =>
    replaceVariables(one, (variable) => {
      const value = valueOfVariable(variable, known);
      return value === null ? "?" : expand(value);
    });
  expect(expand(text)).toBe(becomes);
});

test.each([
  ["POSTGRES_PASSWORD", true],
  ["DB_PW", true],
  ["API_KEY", true],
  ["apikey", true],
  ["ACCESS_TOKEN_2", true],
  ["PWD", false],
  ["KEYBOARD", false],
  ["POSTGRES_PASSWORD_FILE", false],
  ["COMPASS", false],
  ["TOKENIZER", false],
])("%s is a secret by its name: %s", (name, isSecret) => {
  expect(isSecretByName(name)).toBe(isSecret);
});
