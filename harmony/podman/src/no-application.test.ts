// The framework knows no application: an application hands in its names on the device and in
// sentences.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const FRAMEWORK = join(import.meta.dirname, "../..");
/** Names of the platform, of its agent, of their labels and variables. */
const APPLICATION = /\biot\b|iot[-_.]|nationtech/i;

/** Tests may name an application. */
function sources(): string[] {
  return globSync(["*/*.sh", "*/src/**/*.*"], { cwd: FRAMEWORK }).filter((file) => !/\.test(-d)?\.ts$/.test(file));
}

function mentions(pattern: RegExp): string[] {
  return sources().flatMap((file) =>
    readFileSync(join(FRAMEWORK, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

test("no source of the framework names an application", () => {
  expect(mentions(/ScoreVariant/)).not.toEqual([]);
  expect(mentions(/^#!\/bin\/sh/)).toEqual(["host/take-over.sh:1: #!/bin/sh"]);
  expect(mentions(APPLICATION)).toEqual([]);
});
