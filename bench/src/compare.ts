// `npm run bench -- compare COMMIT [--rounds N] [--idle-minutes M] [--write]` compares the agent of
// that commit (A) with the one of this tree (B). Each is installed from its Debian package on a
// device of its own. Every row takes them in turn, so that whatever else the machine does falls on
// both; the idle rows measure both at the same time. It prints the table, and with --write keeps it
// in docs/bench-compare.md and .json.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { agentPackageOfCommit, agentPackageOfTree, makeTempFolder, run } from "@iot/testkit";
import { type Compared, type Comparison, comparisonTable } from "./comparison.ts";
import { type Sample, sample } from "./idle.ts";
import { startToConnected } from "./installed.ts";
import { machine } from "./machine.ts";
import { percentile } from "./measurement.ts";
import { type Rig, startRig } from "./rig.ts";
import { scoreToAnswer } from "./score-to-http.ts";
import { changeTo, swapGap } from "./swap.ts";

const TOP = join(import.meta.dirname, "../..");
const USAGE = "npm run bench -- compare COMMIT [--rounds N] [--idle-minutes M] [--write]\n";
/** Tries in one round; the round's value is their median. */
const TRIES = 5;
/**
 * Memory rises until each collection, two minutes apart. In fifteen minutes these samples see it at
 * eight moments between two collections.
 */
const IDLE_SAMPLES = 20;
/** The kernel counts CPU in hundredths of a second, so a value spans several samples. */
const SAMPLES_OF_CPU = 4;

interface Pair<T> {
  readonly a: T;
  readonly b: T;
}

export async function compare(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "10" },
      "idle-minutes": { type: "string", default: "15" },
      write: { type: "boolean", default: false },
    },
  });
  const [commit, ...others] = positionals;
  const [rounds, idleMinutes] = [Number(values.rounds), Number(values["idle-minutes"])];
  if (commit === undefined || others.length > 0 || !Number.isInteger(rounds) || rounds < 1 || !(idleMinutes > 0)) {
    process.stderr.write(`usage: ${USAGE}`);
    return void (process.exitCode = 2);
  }
  await using stack = new AsyncDisposableStack();
  const folder = await makeTempFolder("compare");
  stack.defer(() => folder.remove());
  say(`the agent of ${commit} and the one of this tree are built and installed`);
  const packages = { a: await agentPackageOfCommit(commit), b: await agentPackageOfTree(folder.path) };
  const rigs = {
    a: stack.use(await startRig({ agentPackage: packages.a })),
    b: stack.use(await startRig({ agentPackage: packages.b })),
  };
  const comparisons = [...(await inTurn(rigs, rounds)), ...(await atRest(rigs, idleMinutes)), ...(await sizes(rigs, packages))];
  const compared = { a: await nameOf(commit), b: await nameOf("--dirty"), machine: machine(), rounds, idleMinutes, comparisons };
  say(`\n${comparisonTable(compared)}`);
  if (values.write) await keep(compared);
}

/** The rows that need an action: their rounds alternate between the two agents. */
async function inTurn(rigs: Pair<Rig>, rounds: number): Promise<readonly Comparison[]> {
  const measured = {
    answer: empty("Score written to the bucket → first HTTP 200, image present"),
    swap: empty("swap to another image: longest time without an answer"),
    start: empty("start → connected to NATS, files warm"),
  };
  for (let round = 1; round <= rounds; round += 1) {
    for (const side of ["a", "b"] as const) {
      const rig = rigs[side];
      measured.answer[side].push(await medianOf(() => scoreToAnswer(rig)));
      await changeTo("1", rig);
      measured.swap[side].push(await medianOf((nth) => swapGap(nth % 2 === 0 ? "2" : "1", rig)));
      await rig.write("hello-world", null);
      measured.start[side].push(await medianOf(() => startToConnected(rig, "warm")));
    }
    say(`round ${round} of ${rounds}`);
  }
  return Object.values(measured);
}

/** The idle rows: both run one deployment, over the same minutes. */
async function atRest(rigs: Pair<Rig>, idleMinutes: number): Promise<readonly Comparison[]> {
  say(`at rest, ${idleMinutes} min`);
  await changeTo("1", rigs.a);
  await changeTo("1", rigs.b);
  const samples: Pair<Sample[]> = { a: [], b: [] };
  // CPU is counted from the first sample.
  for (let nth = 0; nth <= IDLE_SAMPLES; nth += 1) {
    if (nth > 0) await pause((idleMinutes * 60_000) / IDLE_SAMPLES);
    for (const side of ["a", "b"] as const) samples[side].push(await sample(rigs[side].device, "iot-agent"));
  }
  const megabytes = (all: readonly Sample[], key: "pssBytes" | "privateDirtyBytes"): number[] => all.slice(1).map((one) => one[key] / 1e6);
  return [
    { what: "at rest: PSS", unit: "MB", a: megabytes(samples.a, "pssBytes"), b: megabytes(samples.b, "pssBytes") },
    {
      what: "at rest: private dirty",
      unit: "MB",
      a: megabytes(samples.a, "privateDirtyBytes"),
      b: megabytes(samples.b, "privateDirtyBytes"),
    },
    { what: "at rest: CPU", unit: "%", a: cpuPercents(samples.a), b: cpuPercents(samples.b) },
  ];
}

function cpuPercents(samples: readonly Sample[]): number[] {
  const marks = samples.filter((_, nth) => nth % SAMPLES_OF_CPU === 0);
  return marks.slice(1).map(({ cpuSeconds, atMs }, nth) => {
    const from = marks[nth];
    return from === undefined ? Number.NaN : ((cpuSeconds - from.cpuSeconds) / ((atMs - from.atMs) / 1_000)) * 100;
  });
}

async function sizes(rigs: Pair<Rig>, packages: Pair<string>): Promise<readonly Comparison[]> {
  const executable = async ({ device }: Rig): Promise<number> =>
    Number((await device.exec(["stat", "--format=%s", "/usr/bin/iot-agent"])).stdout) / 1e6;
  const installed = async (path: string): Promise<number> =>
    (Number((await run(["dpkg-deb", "--field", path, "Installed-Size"])).stdout) * 1_024) / 1e6;
  return [
    { what: "installed: the executable", unit: "MB", a: [await executable(rigs.a)], b: [await executable(rigs.b)] },
    { what: "installed: all of the package", unit: "MB", a: [await installed(packages.a)], b: [await installed(packages.b)] },
  ];
}

function empty(what: string): Comparison {
  return { what, unit: "ms", a: [], b: [] };
}

async function medianOf(measure: (nth: number) => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let nth = 0; nth < TRIES; nth += 1) values.push(await measure(nth));
  return percentile(values, 50);
}

/** `--dirty` describes this tree, and whether it has changes. */
async function nameOf(commit: string): Promise<string> {
  return (await run(["git", "describe", "--always", "--abbrev=10", commit], { cwd: TOP })).stdout.trim();
}

async function keep(compared: Compared): Promise<void> {
  const path = join(TOP, "docs/bench-compare");
  await writeFile(`${path}.json`, `${JSON.stringify(compared, null, 2)}\n`);
  await writeFile(`${path}.md`, comparisonTable(compared));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
