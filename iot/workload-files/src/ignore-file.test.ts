// The same paths as git itself leaves out by such a file, for any lines.

import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { IGNORE_FILE, ignoredBy, readIgnoreFile } from "./index.ts";

const PATHS = ["a.yaml", "b.yml", "ab", "x/a.yaml", "x/b.yml", "x/y/a.yaml", "x/y/z/ab.yaml", "y/a.yaml", "[a]/b", "c/a b.yaml"];

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "iot-ignore-"));
  spawnSync("git", ["init", "--quiet", folder]);
  for (const path of PATHS) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), "");
  }
});
afterEach(() => rm(folder, { recursive: true }));

function byGit(): string[] {
  const args = ["-C", folder, "ls-files", "-z", "--others", "--ignored", `--exclude-per-directory=${IGNORE_FILE}`];
  const { stdout } = spawnSync("git", args, { encoding: "utf8", env: { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null" } });
  return stdout.split("\0").filter((path) => path !== "" && !path.endsWith(IGNORE_FILE));
}

function byUs(files: Readonly<Record<string, string>>): string[] {
  const rules = new Map(
    Object.entries(files).map(([at, text]) => {
      const read = readIgnoreFile(Buffer.from(text));
      if (!read.ok) throw new Error(read.problem);
      return [at, read.rules];
    }),
  );
  return PATHS.filter((path) => ignoredBy(rules, path) !== null);
}

const piece = fc.constantFrom(
  "a",
  "b",
  "x",
  "y",
  "z",
  "*",
  "**",
  "?",
  ".yaml",
  ".yml",
  "/",
  "/",
  "!",
  "[a-b]",
  "[!a]",
  "\\[",
  "ä",
  " ",
  "ab",
);
const line = fc.oneof(
  fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join("")),
  fc.constantFrom(
    "x/",
    "!x/y/",
    "**/a.yaml",
    "x/**",
    "x/**/a.yaml",
    "/a.yaml",
    "# x",
    "",
    "*.yaml",
    "!*.yaml",
    "x/*",
    "\\[a\\]",
    "a b.yaml  ",
  ),
);
const text = fc.array(line, { maxLength: 4 }).map((lines) => lines.join("\n"));

test("leaves out what git leaves out", async () => {
  await fc.assert(
    fc.asyncProperty(text, text, async (top, below) => {
      await writeFile(join(folder, IGNORE_FILE), top);
      await writeFile(join(folder, "x", IGNORE_FILE), below);
      expect(byUs({ "": top, x: below }).toSorted()).toEqual(byGit().toSorted());
    }),
    { numRuns: 150 },
  );
}, 60_000);

test.each([
  ["long", `${"a".repeat(300)}\n`, "line 1 has more than 256 characters"],
  ["many", "a\n".repeat(201), "has 201 patterns: at most 200"],
  ["large", "#".repeat(64 * 1024 + 1), "has more than 64 KiB"],
])("one that is too %s is reported", (_what, content, says) => {
  const read = readIgnoreFile(Buffer.from(content));
  expect(read.ok ? "" : read.problem).toContain(says);
});

test("a pattern made to be slow is not", () => {
  const read = readIgnoreFile(Buffer.from(`${"*a".repeat(120)}b\n${"**/".repeat(60)}b\n`));
  const path = `${"a/".repeat(60)}${"a".repeat(900)}`;
  const startedAt = performance.now();
  expect(read.ok && ignoredBy(new Map([["", read.rules]]), path)).toBeNull();
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});
