// No sentence sends its reader to a Podman, or to a user manager, of the reader's own.

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
  // The sentence names it as the source of such an archive, not as a command to run here.
  const own = commands.filter((command) => command.startsWith("podman ") && command !== "podman save");
  expect(own).toEqual([]);
  expect(commands.filter((command) => command.includes("--user ") && !command.includes("--machine=${user}@"))).toEqual([]);
});
