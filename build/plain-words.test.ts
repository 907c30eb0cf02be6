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

/** Their lines go into files of another width. */
const TEMPLATES = ["iot/contracts/scripts/nats-configuration.ts"];

test("comments have at most 100 columns, and none of these words", () => {
  const files = globSync("{harmony,iot}/*/{src,test,scripts}/**/*.ts", { cwd: TOP }).concat(
    globSync("{testkit,e2e,bench,field,build}/**/*.ts", { cwd: TOP, exclude: ["**/node_modules/**"] }),
  );
  const comments = files.flatMap((file) =>
    readFileSync(join(TOP, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (/^\s*(?:\/\/|\/\*|\*(?!\*))/.test(line) ? [{ at: `${file}:${index + 1}`, file, line }] : [])),
  );
  expect(comments.length).toBeGreaterThan(5_000);
  expect(
    comments.flatMap(({ at, file, line }) => (line.length > 100 && !line.includes("https://") && !TEMPLATES.includes(file) ? [at] : [])),
  ).toEqual([]);
  const words = new RegExp(`${HARD_WORDS.source}|\\btold\\b`, "i");
  expect(comments.flatMap(({ at, line }) => (words.test(line.replaceAll(/`[^`]*`/g, "")) ? [at] : []))).toEqual([]);
});

test("no page for a person at the device, or who begins, has one", () => {
  const pages = [
    "README.md",
    "v0-demo.md",
    ...globSync("{docs/{runbooks,iot}/*.md,iot/*/README.md,iot/*/package/root/usr/share/man/*/*}", { cwd: TOP }),
  ];
  expect(pages.filter((page) => HARD_WORDS.test(readFileSync(join(TOP, page), "utf8")))).toEqual([]);
});
