import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { scriptOf, writeFile } from "./script-of.ts";
import { quote } from "../model/shell-quote.ts";

const folder = mkdtempSync(join(tmpdir(), "script-of-"));
afterAll(() => rmSync(folder, { recursive: true }));
const sh = (script: string): string => execFileSync("/bin/sh", ["-ec", script], { encoding: "utf8" });
const me = sh("id -un").trim();

const NASTY = `it's "$HOME" \`id\` \\n %s\n\ttwo; lines $(reboot) & ünï\n`;

test.each([NASTY, "", "'", "-n", "plain", "a b", "*"])("%j reaches a command as one word", (text) => {
  expect(sh(`printf '[%s]' ${quote(text)}`)).toBe(`[${text}]`);
});

test("a file is written as it is, with its mode, and again over itself", () => {
  const path = join(folder, "made", "file's name");
  const script = writeFile({ path, text: NASTY, mode: "0640", owner: me }).join("\n");
  for (let time = 0; time < 2; time += 1) {
    sh(script);
    expect(readFileSync(path, "utf8")).toBe(NASTY);
    expect((statSync(path).mode & 0o777).toString(8)).toBe("640");
  }
});

test("the kernel's command line gets its words once, on its first line", () => {
  const path = join(folder, "cmdline.txt");
  writeFileSync(path, "console=tty1 cgroup_memory=1 rootwait\n");
  const files = { path, backup: join(folder, "cmdline.txt.before"), restartMark: join(folder, "restart") };
  const script = scriptOf({ kind: "extend-command-line", ...files, parameters: ["cgroup_enable=memory", "cgroup_memory=1"] });
  sh(script);
  expect(readFileSync(files.backup, "utf8")).toBe("console=tty1 cgroup_memory=1 rootwait\n");
  expect(existsSync(files.restartMark)).toBe(true);
  sh(script);
  expect(readFileSync(path, "utf8")).toBe("console=tty1 cgroup_memory=1 rootwait cgroup_enable=memory\n");
});
