// The framework knows no application: what one is called, on the device and in sentences, it hands
// in.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const FRAMEWORK = join(import.meta.dirname, "../..");
const PACKAGES = ["core", "schema", "runtime", "podman", "kube-api"];
/** Of the platform, of its agent, of their labels and variables. */
const APPLICATION = /\biot\b|iot[-_.]|nationtech/i;

function mentions(pattern: RegExp): string[] {
  const files = globSync(`{${PACKAGES.join(",")}}/src/**/*.ts`, { cwd: FRAMEWORK }).filter((file) => !/\.test(-d)?\.ts$/.test(file));
  return files.flatMap((file) =>
    readFileSync(join(FRAMEWORK, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

test("no source of the framework names an application", () => {
  expect(mentions(/ScoreVariant/)).not.toEqual([]);
  expect(mentions(APPLICATION)).toEqual([]);
});
