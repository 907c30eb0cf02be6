// The demo as a person starts it passes, and leaves nothing behind however it ends.

import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { makeTempFolder } from "@iot/testkit";
import { expect, test } from "vitest";

const TOP = join(import.meta.dirname, "../..");

test("from git push to a container, an edit, a mistake, its cure and a removal", { timeout: 180_000 }, async () => {
  const { stdout, exitCode, left } = await demo();
  expect(stdout).toMatch(/^PASS /m);
  expect(exitCode).toBe(0);
  expect(left).toEqual([]);
  // The sentence that a person reads names what is wrong and what would fix it.
  expect(stdout).toMatch(/no-such-version.*not/);
});

test("one push reaches two devices, a person asks both, and the one that was cut off follows", { timeout: 600_000 }, async () => {
  const { stdout, exitCode, left } = await demo({ args: ["--devices", "2"] });
  expect(stdout).toMatch(/^PASS /m);
  expect(stdout).toContain("pi-demo-02 follows: version 2 answers there, too");
  for (const id of ["pi-demo-01", "pi-demo-02"])
    expect(stdout).toMatch(new RegExp(`hello-world on ${id}, revision \\d+, healthy .* after the push`));
  expect(stdout).toContain("◀ longest");
  expect(exitCode).toBe(0);
  expect(left).toEqual([]);
});

test("interrupted half-way it says so, exits with 1 and leaves nothing behind", { timeout: 180_000 }, async () => {
  const { stdout, exitCode, left } = await demo({ interruptAt: "push a workload" });
  expect(stdout).toMatch(/FAIL .*interrupted \(SIGINT\)/);
  expect(exitCode).toBe(1);
  expect(left).toEqual([]);
});

test("the four failures do no harm", { timeout: 180_000 }, async () => {
  const { stdout, exitCode, left } = await demo({ argv: [join(TOP, "iot/scripts/failure-demo.sh")] });
  expect(stdout.match(/^ {2}PASS /gm)).toHaveLength(4);
  // Each failure says how often it asked and was answered.
  expect(stdout.replaceAll(/\s+/g, " ").match(/ gave (\d+) of \1 answers /g)).toHaveLength(4);
  expect(stdout).toMatch(/^PASS /m);
  expect(exitCode).toBe(0);
  expect(left).toEqual([]);
});

interface Demo {
  readonly stdout: string;
  readonly exitCode: number | null;
  /** The processes that still run and the files that still exist. */
  readonly left: readonly string[];
}

async function demo(options: { argv?: readonly [string]; args?: readonly string[]; interruptAt?: string } = {}): Promise<Demo> {
  const folder = await makeTempFolder("demo-test");
  const mark = `DEMO_TEST=${folder.path}`;
  try {
    // npm's files there, if it has something to install first, are not the demo's.
    const env = { ...process.env, TMPDIR: folder.path, DEMO_TEST: folder.path, NODE_DISABLE_COMPILE_CACHE: "1" };
    const [program, ...args] = options.argv ?? [process.execPath, join(TOP, "e2e/demo/main.ts"), ...(options.args ?? [])];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      if (options.interruptAt !== undefined && stdout.includes(options.interruptAt)) child.kill("SIGINT");
    });
    const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { stdout, exitCode, left: [...(await processesWith(mark)), ...(await readdir(folder.path))] };
  } finally {
    await folder.remove();
  }
}

/** Every process that the demo started has its environment. */
async function processesWith(mark: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      return environment.split("\0").includes(mark) ? [await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => pid)] : [];
    }),
  );
  return found.flat();
}
