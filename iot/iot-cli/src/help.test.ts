import { expect, test } from "vitest";
import { COMMANDS } from "./commands.ts";
import { runIot } from "./program.ts";
import { IOT_VERSION } from "./version.ts";

async function iot(...argv: readonly string[]): Promise<string> {
  let written = "";
  const write = (text: string): void => void (written += text);
  const exitCode = await runIot(argv, { env: {}, write, warn: write, isTerminal: false, width: 200, signal: new AbortController().signal });
  return exitCode === 0 ? written : `${written}exit code ${exitCode}`;
}

test.each([["--help"], ...COMMANDS.map(({ name }) => [...name.split(" "), "--help"])])("%s %s fits into 80 columns", async (...argv) => {
  const text = await iot(...argv);
  expect(text).toMatch(/^Usage: iot /);
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

test("help names every command, and every option of one", async () => {
  const all = await iot("--help");
  for (const { name } of COMMANDS) expect(all).toMatch(new RegExp(`^ {2}${name}\\b`, "m"));
  for (const command of COMMANDS) {
    const { options } = await command.load();
    const own = await iot("help", ...command.name.split(" "));
    for (const option of Object.keys(options)) expect(own).toContain(`--${option}`);
  }
});

test("--version says which it is", async () => {
  expect(await iot("--version")).toBe(`iot ${IOT_VERSION}\n`);
});
