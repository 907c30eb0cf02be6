import { describe, expect, test } from "vitest";
import { fromBlankReport, judgeTyped } from "./from-blank-report.ts";

const SEEN = { tookMs: 1_000, exitCode: 0, stdout: "aarch64\n", stderr: "" };
const UNAME = { command: "uname -m", prints: /^aarch64$/ };

describe("a command is as the document says", () => {
  test.each([
    ["when it prints what is expected", UNAME, SEEN, null],
    ["with an exit code that is expected", { ...UNAME, exitCodes: [0, 3] }, { ...SEEN, exitCode: 3 }, null],
    ["in what it writes to standard error too", { ...UNAME, prints: /^it keeps trying$/m }, { ...SEEN, stderr: "it keeps trying" }, null],
    ["not when it prints something else", UNAME, { ...SEEN, stdout: "x86_64\n" }, "it does not print ^aarch64$"],
    ["not with another exit code", UNAME, { ...SEEN, exitCode: 255 }, "its exit code is 255, not 0"],
  ])("%s", (_, expected, seen, failure) => {
    expect(judgeTyped(expected, seen).failure).toBe(failure);
  });
});

describe("the page", () => {
  const run = {
    seed: 1,
    architecture: "arm64",
    versions: { qemu: "7.2" },
    machine: "2 cores",
    startedAt: "2026-11-26T00:00:00.000Z",
  } as const;
  const begun = { run, commit: "abc", firstLoginMs: 60_000, pushedMs: null, limits: null, afterCut: null };

  test("shows each command, and where it ended", () => {
    const page = fromBlankReport({ ...begun, typed: [judgeTyped(UNAME, { ...SEEN, stdout: "a | b\n" })], failure: "uname -m: no" });
    expect(page).toContain("**It did not come to its end: uname -m: no.**");
    expect(page).toContain("| `uname -m` | 1 s | 0 | **it does not print ^aarch64$**: a \\| b |");
    expect(page).toContain("\n    $ uname -m\n    a | b\n");
    expect(page).toContain("| to reconciled | – |");
  });

  test("shows the times after the cut", () => {
    const afterCut = { loginMs: 50_000, answeredMs: 90_000, reconciledMs: 100_000, lostWrites: 4 };
    const page = fromBlankReport({ ...begun, typed: [judgeTyped(UNAME, SEEN)], pushedMs: 30_000, afterCut, failure: null });
    expect(page).toContain("The blank image became a reconciled device");
    expect(page).toContain("| to reconciled | 100 s |");
  });
});
