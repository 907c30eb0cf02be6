// docs/mission.md: each promise has a proof that can be run, or says what it waits for; what a row
// names is there. build/mission.sh runs them.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const TOP = join(import.meta.dirname, "..");
const rows = execFileSync(join(TOP, "build/mission.sh"), ["--list"], { encoding: "utf8" })
  .trimEnd()
  .split("\n")
  .map((line) => line.split("\t"));

test("every row of the document is a promise with its proof", () => {
  const text = readFileSync(join(TOP, "docs/mission.md"), "utf8");
  const written = text.split("\n").filter((line) => /^\| (?!promise|---)/.test(line) && !line.startsWith("|---"));
  expect(rows).toHaveLength(written.length);
  for (const row of rows) expect(row).toHaveLength(2);
});

test.each(rows)("%s: %s", (_promise, proof = "") => {
  const command = /^`([^`]*)`$/.exec(proof)?.[1];
  if (command === undefined) {
    expect(proof).toMatch(/^(?:waits|cannot run here|recorded)\b|^\[ADR \d+\]/);
    for (const [, link = ""] of proof.matchAll(/\]\(([^)]*)\)/g)) expect(existsSync(join(TOP, "docs", link))).toBe(true);
    return;
  }
  const [program = "", ...args] = command.split(" ");
  expect(["vitest", "tsc", "oxlint", "node"]).toContain(program);
  const paths = args.filter((arg) => arg.includes("/") && !arg.startsWith("dist/"));
  if (program === "vitest" || program === "node") expect(paths).not.toEqual([]);
  for (const path of paths) expect(existsSync(join(TOP, path))).toBe(true);
});
