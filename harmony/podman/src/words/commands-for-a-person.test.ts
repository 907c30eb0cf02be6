// No sentence sends whoever reads it to a Podman, or to a user manager, of his own.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const SOURCES = join(import.meta.dirname, "..");

test("each command that a sentence names works for another user", () => {
  const files = globSync("**/*.ts", { cwd: SOURCES }).filter((file) => !file.endsWith(".test.ts"));
  const commands = files.flatMap((file) =>
    readFileSync(join(SOURCES, file), "utf8")
      .split("\n")
      .filter((line) => !/^ *(\/\/|\/?\*)/.test(line))
      .flatMap((line) =>
        [...line.matchAll(/`((?:sudo |\$\{(?:application\.)?program\} )*(?:podman|systemctl) [^`]*)\\?`/g)].map(
          ([, command = ""]) => command,
        ),
      ),
  );
  expect(commands).toContain("${program} podman system df\\");
  // Where such an archive comes from, not what to do here.
  const own = commands.filter((command) => command.startsWith("podman ") && command !== "podman save");
  expect(own).toEqual([]);
  expect(commands.filter((command) => command.includes("--user ") && !command.includes("--machine=${user}@"))).toEqual([]);
});
