// The demo with `--keep`, as a person pastes what it prints: all workloads are taken away at once,
// that is held and said, and it is taken back or confirmed.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { eventually, run } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";

const MAIN = join(import.meta.dirname, "../demo/main.ts");
const NAMES = ["hello-1", "hello-2", "hello-3", "hello-world"];
const HELD = /held: 4 removals \([^)]*default\/hello-world from [^)]*\) until a person says: iot confirm [0-9a-f]+ removes/;

test("all is taken away at once: it is held and said, runs on when that is taken back, and goes when it is confirmed", async () => {
  const { paste, end } = await keptDemo();
  const untilStatus = (what: string, isSo: (status: string) => boolean): Promise<string> =>
    eventually(
      async () => {
        const status = await paste("iot status");
        return isSo(status) ? status : Promise.reject(new Error(status));
      },
      { what, timeoutMs: 120_000 },
    );
  const rowsOf = (status: string): string[] => NAMES.filter((name) => new RegExp(` ${name} pi-demo-01 `).test(status));

  await paste("# three more; then take all of them away at once, and see: it is held");
  expect(rowsOf(await untilStatus("four are held", (status) => HELD.test(status)))).toEqual(NAMES);
  await paste("# take that back");
  await untilStatus("all run, and nothing is held", (status) => !status.includes("held:") && status.includes("4 of 4 run as desired"));

  await paste("git revert --no-edit HEAD && git push -q");
  await untilStatus("four are held again", (status) => HELD.test(status));
  expect(await paste("# or let them go")).toMatch(/^git:demo removes default\/hello-1 from pi-demo-01, /);
  await untilStatus("nothing is left", (status) => rowsOf(status).length === 0);
  expect(await end()).toMatch(/^PASS /m);
});

interface KeptDemo {
  /** Types a command in the repository, or what the demo printed under a title; gives the words. */
  paste(command: string): Promise<string>;
  /** As Ctrl-C does; gives all that was printed. */
  end(): Promise<string>;
}

async function keptDemo(): Promise<KeptDemo> {
  const child = spawn(process.execPath, [MAIN, "--keep"], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGINT"));
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = new Promise((resolve) => child.once("close", resolve));
  await eventually(() => child.exitCode !== null || /^# or let them go\n.+\n/m.test(stdout), { what: "your turn", timeoutMs: 180_000 });
  const blocks = new Map(stdout.split("\n\n").map((block) => [block.split("\n")[0], block]));
  const first = (title: string): string => blocks.get(title)?.split("\n")[1] ?? `no block ${title} in: ${stdout}`;
  const person = [first("# the workload repository, and its page"), first("# what runs, and why it does not")];
  return {
    paste: async (command) => {
      const typed = command.startsWith("#") ? (blocks.get(command) ?? `no block ${command}`) : command;
      const { stdout: shown } = await run(["bash", "-c", [...person, typed].join("\n")], { allowExitCodes: [0, 1] });
      return shown.replaceAll(/\s+/g, " ");
    },
    end: async () => {
      child.kill("SIGINT");
      await ended;
      return stdout;
    },
  };
}
