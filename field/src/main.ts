// `npm run field [-- --seed N --cuts N --parallel N --arch amd64|arm64 --continue --only K]` cuts
// the power of emulated devices, judges each, and writes docs/field/. With `--from-blank` it makes
// a device from a blank image instead: from-blank.ts. With `--device ssh://…` it cuts the power of
// a device that a person owns: field-own.ts. It needs root, and the packages that
// build/host-packages.txt lists for `field`. A run keeps its records, and the evidence of failures,
// under dist/field/. If it ended early, `--continue` goes on with it.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "@iot/testkit";
import * as z from "zod/mini";
import { startCentral } from "./central.ts";
import { makeDeviceDisk } from "./device-disk.ts";
import { DEVICE_PORTS, DeviceLane } from "./device-lane.ts";
import { type Architecture, deviceRoot } from "./device-root.ts";
import { EmulatedDevice } from "./emulated-device.ts";
import { fieldOwn } from "./field-own.ts";
import { fromBlank } from "./from-blank.ts";
import { buildAgent } from "./install-agent.ts";
import { type Cut, planCut, planCuts } from "./plan.ts";
import { CutRecord, openRunFolder, Run } from "./record.ts";
import { report, type RunResult, sentence, timesOf } from "./report.ts";

const TOP = join(import.meta.dirname, "../..");
const DOCS = join(TOP, "docs/field");

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    cuts: { type: "string", default: "100" },
    parallel: { type: "string", default: "2" },
    arch: { type: "string", default: "amd64" },
    continue: { type: "boolean", default: false },
    only: { type: "string" },
    "from-blank": { type: "boolean", default: false },
    device: { type: "string" },
    "power-off": { type: "string" },
    "power-on": { type: "string" },
    "ssh-option": { type: "string", multiple: true, default: [] },
    central: { type: "string" },
    forward: { type: "string", multiple: true, default: [] },
  },
});
const count = (name: "seed" | "cuts" | "parallel" | "only"): number => z.parse(z.int().check(z.minimum(1)), Number(values[name]));
const seed = count("seed");
const architecture: Architecture = z.parse(z.enum(["amd64", "arm64"]), values.arch);
const only = values.only === undefined ? null : count("only");

const started = performance.now();
const say = (text: string): void => void process.stdout.write(`[${Math.round((performance.now() - started) / 1000)} s] ${text}\n`);

if (values.device !== undefined) {
  process.exitCode = (await ownDevice(values.device)) ? 0 : 1;
} else if (values["from-blank"]) {
  const place = join(TOP, "dist/field", `from-blank-${architecture}`);
  process.exitCode = (await fromBlank({ run: await describe(), place, docs: DOCS, say })) ? 0 : 1;
} else {
  await main();
}

/** `--forward 8080=http://127.0.0.1:18080/`: where this machine reaches a port of the device. */
async function ownDevice(device: string): Promise<boolean> {
  const { "power-off": powerOff, "power-on": powerOn, "ssh-option": sshOptions, forward, central } = values;
  const address = URL.canParse(device) ? new URL(device) : null;
  if (address?.protocol !== "ssh:" || powerOff === undefined || powerOn === undefined)
    throw new Error("usage: npm run field -- --device ssh://user@host[:port] --power-off COMMAND --power-on COMMAND --cuts N");
  const forwards = new Map(forward.map((text): [number, string] => [Number(text.split("=")[0]), text.replace(/^\d+=/, "")]));
  return fieldOwn({
    address,
    powerOff,
    powerOn,
    sshOptions: sshOptions.flatMap((option) => ["-o", option]),
    forwards,
    central: central ?? null,
    seed,
    cuts: count("cuts"),
    place: join(TOP, "dist/field"),
    say,
  });
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const name = `${architecture}-seed-${seed}${only === null ? "" : `-only-${only}`}`;
  const place = join(TOP, "dist/field", name);
  await mkdir(place, { recursive: true });
  say(`the system of an ${architecture} device`);
  const root = await deviceRoot(architecture);
  const agent = await buildAgent(architecture, join(place, "package"));
  const folder = await openRunFolder(place, await describe(), values.continue);
  const image = join(place, "device.raw");
  await makeDeviceDisk({ root, agent, into: image });
  const central = stack.use(await startCentral({ busybox: { path: join(root.root, "usr/bin/busybox"), architecture } }));
  // A failed cut is made again when the agent has changed since.
  const isDone = ({ failures, agent: former }: CutRecord): boolean => failures.length === 0 || former === basename(agent);
  const done = new Set(
    timesOf(folder.records)
      .last.filter(isDone)
      .map(({ number }) => number),
  );
  const planned = only === null ? planCuts({ seed, cuts: count("cuts") }) : [planCut(seed, only)];
  const left = planned.filter(({ number }) => !done.has(number));
  say(`${left.length} cuts, ${done.size} made before`);

  const workers = only === null ? Math.min(count("parallel"), left.length) : 1;
  await Promise.all(Array.from({ length: workers }, (_, index) => work(index + 1)));

  async function work(number: number): Promise<void> {
    const device = `field-${number}`;
    const scratch = `/tmp/iot-field-${process.pid}-${number}`;
    const ports = Object.values(DEVICE_PORTS);
    const power = await EmulatedDevice.create({ architecture, root, image, folder: scratch, seed, ports });
    const lane = new DeviceLane({ power, central, device, agent: basename(agent), say, evidence: join(place, "evidence") });
    try {
      for (let cut: Cut | undefined = left.shift(); cut !== undefined; cut = left.shift()) {
        const record = await lane.cut(cut);
        await folder.add(record);
        say(sentence(record));
        if (only === null) await writeReport(folder);
      }
    } finally {
      await lane.stop();
      await rm(scratch, { recursive: true, force: true });
    }
  }
  if (only === null) await writeReport(folder);
  const { last } = timesOf(folder.records);
  const failed = last.filter(({ failures }) => failures.length > 0);
  say(`${last.length} cuts, ${failed.length} failed`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

async function describe(): Promise<Run> {
  const program = architecture === "amd64" ? "qemu-system-x86_64" : "qemu-system-aarch64";
  const { stdout: qemu } = await run([program, "--version"]);
  return {
    seed,
    architecture,
    versions: { qemu: /version (\S+)/.exec(qemu)?.[1] ?? "", node: process.version, kernel: release() },
    machine: `${cpus().length} cores (${cpus()[0]?.model.trim() ?? ""}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    startedAt: new Date().toISOString(),
  };
}

/** Leaves the runs of the other architectures as they are. */
async function writeReport({ run, records }: RunResult): Promise<void> {
  await mkdir(DOCS, { recursive: true });
  const lines = [run, ...records.toSorted((a, b) => a.number - b.number)];
  await writeFile(join(DOCS, `cuts-${run.architecture}.jsonl`), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const files = (await readdir(DOCS)).filter((name) => /^cuts-.*\.jsonl$/.test(name)).toSorted();
  const results = await Promise.all(files.map(async (name) => parseResult(await readFile(join(DOCS, name), "utf8"))));
  await writeFile(join(DOCS, "report.md"), report(results));
}

/** A run, and its cuts, one a line. */
function parseResult(text: string): RunResult {
  const [first = "", ...lines] = text.split("\n").filter(Boolean);
  return { run: z.parse(Run, JSON.parse(first)), records: lines.map((line) => z.parse(CutRecord, JSON.parse(line))) };
}
