// The reader's thread: what it answers, and what becomes of a file that holds it up. Limits are
// chosen so small, or files so large for them, that no machine is quick enough to change a result.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { makeTempFolder, run } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { readPlainly } from "./read-plainly.ts";
import { YAML_READER_LIMITS, YamlReader, type YamlReaderLimits } from "./yaml-reader.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const MIB = 1024 * 1024;

function deployment(name: string): string {
  return `apiVersion: iot.nationtech.io/v1alpha1\nkind: Deployment\nmetadata: { name: ${name} }\nspec: { targetDevices: [pi-1], score: { type: PodmanV0, data: {} } }\n`;
}

function reader(limits: Partial<YamlReaderLimits> = {}): YamlReader {
  const made = new YamlReader({ ...YAML_READER_LIMITS, ...limits });
  onTestFinished(() => made.close());
  return made;
}

function file(path: string, text: string): { path: string; content: Uint8Array } {
  return { path, content: Buffer.from(text) };
}

/** Within all limits that are looked at first, and a second's work or more. */
const SLOW = file("slow.yaml", "]\n".repeat(MIB / 2 - 1));

test("answers as reading in this thread does", async () => {
  const files = [file("a.yaml", deployment("a")), file("b.yaml", "a: [\n"), file("c.yaml", "kind: Secret\n"), file("d.yaml", "")];
  const read = await reader().readFiles(files);
  expect([...read]).toEqual(files.map((each) => [each.path, readPlainly(each)]));
});

test("a file that takes too long is reported by its name, and those around it are read", async () => {
  const yaml = reader({ fileMs: 500 });
  // The thread is warm: only the slow file can take so long.
  await yaml.readFiles([file("warm.yaml", deployment("warm"))]);
  const read = await yaml.readFiles([file("a.yaml", deployment("a")), SLOW, file("b.yaml", "")]);
  expect(read.get("a.yaml")?.deployments).toHaveLength(1);
  expect(read.get("slow.yaml")).toEqual({
    deployments: [],
    devices: [],
    issues: [
      { file: "slow.yaml", line: 1, column: 1, path: "", message: "is not read: it took longer than 0.5 s; make it smaller or plainer" },
    ],
    others: [],
    isUnfinished: true,
  });
  expect([...read.keys()]).toEqual(["a.yaml", "slow.yaml", "b.yaml"]);
});

test("a reading has a time for all its files together", async () => {
  const read = await reader({ totalMs: 1 }).readFiles([SLOW, file("a.yaml", deployment("a"))]);
  expect([...read.values()].map(({ issues }) => issues[0]?.message)).toEqual([
    "is not read: with it the files took longer than is given to one reading; make them smaller",
    "is not read: the files before it took all of the 0.001 s for one reading; make them smaller",
  ]);
});

test("a file that takes too much memory is reported by its name, and the next is read", async () => {
  const yaml = reader({ heapMiB: 24 });
  const read = await yaml.readFiles([file("large.yaml", "k: [1, 2]\n---\n".repeat(900) + `a: [${"1,".repeat(300_000)}]`)]);
  expect(read.get("large.yaml")?.issues[0]?.message).toBe("is not read: it took more than 24 MiB of memory; make it smaller or plainer");
  expect((await yaml.readFiles([file("a.yaml", deployment("a"))])).get("a.yaml")?.deployments).toHaveLength(1);
});

test("the event loop goes on while the thread works", async () => {
  const yaml = reader({ fileMs: 1_000 });
  await yaml.readFiles([file("warm.yaml", deployment("warm"))]);
  const files = Array.from({ length: 4 }, (_, index) => ({ ...SLOW, path: `${index}.yaml` }));
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const started = performance.now();
  delay.enable();
  await yaml.readFiles(files);
  delay.disable();
  const took = performance.now() - started;
  // Against what reading takes, and so on any machine: the loop would stand for all of it.
  expect(delay.percentile(99) / 1e6).toBeLessThan(took / 10);
});

test("ends with the signal, and reads on with the next", async () => {
  const yaml = reader();
  const controller = new AbortController();
  const reading = yaml.readFiles([SLOW], controller.signal);
  controller.abort(new Error("the operator ends"));
  await expect(reading).rejects.toThrow("the operator ends");
  expect((await yaml.readFiles([file("a.yaml", deployment("a"))])).get("a.yaml")?.deployments).toHaveLength(1);
});

test("the thread is found beside the bundle that the operator's image is built with, and each program has one", async () => {
  const folder = await makeTempFolder("bundle");
  onTestFinished(() => folder.remove());
  const containerfile = await readFile(join(REPOSITORY, "iot/deploy/Containerfile"), "utf8");
  const [, command = ""] = /^RUN npx (esbuild (?:.*\\\n)*.*)$/m.exec(containerfile) ?? [];
  const shell = command.replaceAll("\\\n", " ").replace("--outdir=/out", `--outdir=${folder.path}`);
  const probe = shell.replace("program=iot/$PROGRAM/src/main.ts", "probe=iot/workload-files/src/index.ts");
  const programs = ["iot-callout", "iot-enrolment", "iot-operator"];
  for (const each of [probe, ...programs.map((name) => `PROGRAM=${name}; ${shell}`)])
    await run(["sh", "-c", `cd ${REPOSITORY} && PATH=node_modules/.bin:$PATH && ${each} --log-level=warning`]);
  const script = `import { YamlReader } from "${folder.path}/probe.mjs";
    const reader = new YamlReader();
    const read = await reader.readFiles([{ path: "a.yaml", content: Buffer.from(${JSON.stringify(deployment("bundled"))}) }]);
    console.log(read.get("a.yaml").deployments[0].name);`;
  const { stdout } = await run([process.execPath, "--input-type=module", "--eval", script]);
  expect(stdout.trim()).toBe("bundled");
});
