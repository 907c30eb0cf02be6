// What the largest accepted input of each border costs (`npm run bench -- limits`). Each case runs
// in a process of its own, at a quarter, a half and the whole of its limit, and prints milliseconds
// and MiB above what the process had before.

import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { API_VERSION, BUCKETS, Deployment, Manifest, readInventory, readStatus, scoreString } from "@iot/contracts";
import { parse, parseJson } from "@harmony/schema";
import { createLog } from "@harmony/runtime";
import { makeGitRepository, makeTempFolder } from "@iot/testkit";
import { FILE_LIMIT_BYTES, readWorkloadFiles } from "@iot/workload-files";
import { readConfig } from "../src/config/config.ts";
import { createGitSource } from "../src/sources/git/git-source.ts";
import type { SourceSnapshot } from "../src/sources/source.ts";
import { nulRecords } from "../src/sources/git/git-output.ts";
import { parseTreeFile } from "../src/sources/git/tree-file.ts";

const MIB = 1024 * 1024;
const ETCD_BYTES = 1.5 * MIB;
const TREE_BYTES = 16 * MIB;

interface Case {
  readonly what: string;
  readonly limit: string;
  /**
   * Makes an input of this part of the limit, and gives what is measured: its time, or the
   * milliseconds that it gives.
   */
  readonly prepare: (part: number) => () => unknown;
}

const device = (index: number): string => `device-${index}`;

function list(bytes: number, one: (index: number) => string): string[] {
  const found: string[] = [];
  for (let length = 0; length < bytes; length += (found.at(-1)?.length ?? 0) + 1) found.push(one(found.length));
  return found;
}

function yaml(text: string): () => unknown {
  const file = { path: "x.yaml", content: Buffer.from(text) };
  return () => readWorkloadFiles([file]);
}

function deploymentYaml(name: string, filler: number): string {
  const services = list(filler, (index) => `        - { name: s${index}, image: "registry.example/web:1" }`).join("\n");
  return `apiVersion: ${API_VERSION}\nkind: Deployment\nmetadata: { name: ${name} }\nspec:\n  targetDevices: [pi-1]\n  score:\n    type: PodmanV0\n    data:\n      services:\n${services}\n`;
}

const report = { reason: "Running", message: "m".repeat(200), since: "", desiredRevision: 1, runningRevision: 1 };

const CASES: Readonly<Record<string, Case>> = {
  "yaml-deployments": {
    what: "a YAML file of Deployments",
    limit: "1 MiB",
    prepare: (part) => yaml(list(FILE_LIMIT_BYTES * part * 0.98, (index) => deploymentYaml(`a${index}`, 20_000)).join("---\n")),
  },
  "yaml-errors": {
    what: "a YAML file with an error on each line",
    limit: "1 MiB",
    prepare: (part) => yaml("]\n".repeat((FILE_LIMIT_BYTES * part) / 2)),
  },
  "yaml-keys": {
    what: "a YAML file whose keys stand twice",
    limit: "1 MiB",
    prepare: (part) => yaml(`${deploymentYaml("a", 10)}x:\n${"  a: 1\n".repeat((FILE_LIMIT_BYTES * part * 0.99) / 7)}`),
  },
  "loop-turn": {
    what: "the longest turn of the operator's event loop while a commit is read, in time of the CPU",
    limit: "32 MiB",
    prepare: (part) => async () => (await readingLoop(part)).turnMs,
  },
  "loop-still": {
    what: "the longest that this loop stands still meanwhile, by the clock",
    limit: "32 MiB",
    prepare: (part) => async () => (await readingLoop(part)).standstillMs,
  },
  "loop-idle": {
    what: "the same of a loop that has nothing to do, for as many seconds as files (the baseline)",
    limit: "31",
    prepare: (part) => async () => (await watchLoop(() => pause(Math.floor(31 * part) * 1_000))).standstillMs,
  },
  "git-tree": {
    what: "the list of a commit's files, as git gives it",
    limit: "16 MiB",
    prepare: (part) => {
      const lines = list(TREE_BYTES * part, (index) => `100644 blob ${"a".repeat(40)}     100\tdir/${index}.yaml`);
      const text = Buffer.from(lines.join("\0"));
      return () => {
        const files: unknown[] = [];
        const records = nulRecords((line) => files.push(parseTreeFile(line)));
        for (let at = 0; at < text.length; at += 65_536) records.push(text.subarray(at, at + 65_536));
        records.end();
        return files;
      };
    },
  },
  status: {
    what: "a device's status",
    limit: "64 KiB",
    prepare: (part) => {
      const count = list(
        BUCKETS.status.maxValueBytes * part * 0.95,
        (index) => `"app-${index}":${JSON.stringify({ phase: "Running", services: [], ...report })}`,
      );
      const text = Buffer.from(`{"device":"a","agentVersion":"1","reportedAt":"","manifestRevision":1,"deployments":{${count.join(",")}}}`);
      return () => readStatus(text);
    },
  },
  "status-wrong": {
    what: "a status with as many wrong reports as fit",
    limit: "64 KiB",
    prepare: (part) => {
      const members = list(BUCKETS.status.maxValueBytes * part * 0.95, (index) => `"a${index}":{}`);
      const text = Buffer.from(
        `{"device":"a","agentVersion":"1","reportedAt":"","manifestRevision":1,"deployments":{${members.join(",")}}}`,
      );
      return () => readStatus(text);
    },
  },
  inventory: {
    what: "a device's inventory",
    limit: "32 KiB",
    prepare: (part) => {
      const facts = list(BUCKETS.inventory.maxValueBytes * part * 0.9, (index) => `"fact${index}":"${"x".repeat(20)}"`);
      const text = Buffer.from(
        `{"device":"a","agentVersion":"1","bootId":"","architecture":"","capabilities":[],"labels":{},"facts":{${facts.join(",")}}}`,
      );
      return () => readInventory(text);
    },
  },
  manifest: {
    what: "a device's manifest",
    limit: "512 KiB",
    prepare: (part) => {
      const entry = JSON.stringify({ revision: 1, generation: 1, uid: "u".repeat(36), source: "git:a", namespace: "default" });
      const entries = list(BUCKETS["desired-state"].maxValueBytes * part * 0.98, (index) => `"app-${index}":${entry}`);
      const text = Buffer.from(`{"device":"a","deployments":{${entries.join(",")}}}`);
      return () => parseJson(Manifest, text);
    },
  },
  "kube-devices": {
    what: "a Deployment of Kubernetes with as many devices as etcd takes",
    limit: "1.5 MiB",
    prepare: (part) => {
      const targetDevices = list(ETCD_BYTES * part, device);
      const object = {
        apiVersion: API_VERSION,
        kind: "Deployment",
        metadata: { name: "a" },
        spec: { targetDevices, score: { type: "PodmanV0", data: {} } },
      };
      return () => {
        const parsed = parse(Deployment, object);
        return parsed.ok ? scoreString(parsed.value.spec.score) : parsed;
      };
    },
  },
};

/** 31 files of almost 1 MiB, in a repository that a source has read before. */
async function readingLoop(part: number): Promise<Loop> {
  await using repository = await makeGitRepository();
  const folder = await makeTempFolder("limits");
  const { git } = readConfig({ IOT_GIT_URL: repository.url });
  if (git === null) throw new Error("no IOT_GIT_URL");
  const log = createLog({ name: "limits", write: () => undefined });
  const source = await createGitSource({ config: git, id: "git:limits", folder: join(folder.path, "copy"), log });
  const push = async (files: Readonly<Record<string, string>>): Promise<void> => {
    await repository.commit(files);
    await repository.push();
  };
  const read = (): Promise<SourceSnapshot> => source.read(new AbortController().signal, null);
  await push({ "first.yaml": deploymentYaml("first", 100) });
  await read();
  await push(
    Object.fromEntries(
      Array.from({ length: Math.floor(31 * part) }, (_, file) => [
        `f${file}.yaml`,
        list(FILE_LIMIT_BYTES * 0.98, (index) => deploymentYaml(`a${file}-${index}`, 20_000)).join("---\n"),
      ]),
    ),
  );
  const loop = await watchLoop(read);
  await source.close();
  await folder.remove();
  return loop;
}

interface Loop {
  readonly standstillMs: number;
  readonly turnMs: number;
}

async function watchLoop(work: () => Promise<unknown>): Promise<Loop> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let [turnMs, isOver] = [0, false];
  let before = process.threadCpuUsage();
  const turn = (): void => {
    const now = process.threadCpuUsage();
    turnMs = Math.max(turnMs, (now.user + now.system - before.user - before.system) / 1_000);
    before = now;
    // With a pause: a loop that asks without one takes a core.
    if (!isOver) setTimeout(turn, 1);
  };
  delay.enable();
  turn();
  await work();
  isOver = true;
  delay.disable();
  return { standstillMs: delay.max / 1e6, turnMs };
}

const [name = "", part = "1"] = process.argv.slice(2);
if (name === "") {
  console.log(JSON.stringify(Object.entries(CASES).map(([key, { what, limit }]) => ({ name: key, what, limit }))));
} else {
  const run = CASES[name]?.prepare(Number(part));
  if (run === undefined) throw new Error(`no case is called ${name}; there are ${Object.keys(CASES).join(", ")}`);
  // The compiler has seen the code, as in a program that runs for long.
  await CASES[name]?.prepare(Math.min(0.02, Number(part)))();
  const before = process.resourceUsage().maxRSS;
  const startedMs = performance.now();
  const result = await run();
  const ms = typeof result === "number" ? result : performance.now() - startedMs;
  console.log(JSON.stringify({ ms, mib: (process.resourceUsage().maxRSS - before) / 1024 }));
}
