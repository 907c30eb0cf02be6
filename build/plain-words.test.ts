// What a user reads has plain words: none that a second-language reader has to look up.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const TOP = join(import.meta.dirname, "..");
const HARD_WORDS = /\bmend(?:s|ed|ing)?\b|\blies? in\b|\b(?:is|at) fault\b/i;
const LITERAL = /(["'`])(?:\\.|(?!\1)[^\\\n])*\1/g;

test("no sentence of the programs has a hard word", () => {
  const files = globSync("{harmony,iot}/*/src/**/*.ts", { cwd: TOP }).filter((file) => !file.endsWith(".test.ts"));
  expect(files.length).toBeGreaterThan(100);
  const found = files.flatMap((file) => {
    const code = readFileSync(join(TOP, file), "utf8").replaceAll(/^\s*(?:\/\/|\/?\*).*$|\$\{[^{}]*\}/gm, "");
    return [...code.matchAll(LITERAL)].flatMap(([text]) => (HARD_WORDS.test(text) ? [`${file}: ${text}`] : []));
  });
  expect(found).toEqual([]);
});

test("no page for a person at the device, or who begins, has one", () => {
  const pages = [
    "README.md",
    "v0-demo.md",
    ...globSync("{docs/{runbooks,iot}/*.md,iot/*/README.md,iot/*/package/root/usr/share/man/*/*}", { cwd: TOP }),
  ];
  expect(pages.filter((page) => HARD_WORDS.test(readFileSync(join(TOP, page), "utf8")))).toEqual([]);
});
