import { expect, test } from "vitest";
import { readArguments } from "./arguments.ts";
import { DEFAULT_CONFIG_FILE } from "./config/default-paths.ts";

test.each([
  ["the service manager's", [], false, { config: DEFAULT_CONFIG_FILE, command: null }],
  ["a person's who types the bare name", [], true, { config: DEFAULT_CONFIG_FILE, command: ["--help"] }],
  ["of an agent by hand", ["--config", "a.toml"], true, { config: "a.toml", command: null }],
  ["of a command", ["--config=a.toml", "status", "--json"], true, { config: "a.toml", command: ["status", "--json"] }],
  ["of a command, not on a terminal", ["status"], false, { config: DEFAULT_CONFIG_FILE, command: ["status"] }],
  ["with something missing", ["--config"], false, { config: DEFAULT_CONFIG_FILE, command: ["--config"] }],
])("the command line %s", (_, argv, isTerminal, expected) => {
  expect(readArguments(argv, { isTerminal })).toEqual(expected);
});
