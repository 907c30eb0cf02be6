// A worker's deeds beside its reconcile: a person's retry breaks off the right one, a variant gets
// its facts before its first look, and the Topology's workloads are reported.

import { EventEmitter } from "node:events";
import { bind, type BoundVariant, type WorkloadReport } from "@harmony/core";
import { createLog, systemClock } from "@harmony/runtime";
import { asDeploymentName } from "@iot/contracts";
import { eventually, makeTempFolder } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { fileVariant, folderTopology } from "../../test/second-variant/file-v0.ts";
import { Workers } from "./workers.ts";
import type { WorkerReport } from "./worker-report.ts";
import { Problems } from "../desired/problems.ts";
import type { DeploymentRecord } from "../desired/state-store.ts";

const hello = asDeploymentName("hello");
const log = createLog({ name: "test", write: () => undefined });
const entry = { revision: 1, generation: 1, uid: "u", source: "git", namespace: "default" };

function record(scoreString: string | null, more: Partial<DeploymentRecord> = {}): DeploymentRecord {
  return { entry, score: scoreString === null ? null : { revision: 1, scoreString }, removing: false, ...more };
}

const valid = '{"type":"FileV0","data":{"content":"x"}}';
const refused = '{"type":"FileV0","data":{}}';
const other = '{"type":"OtherV0","data":{}}';

async function makeWorkers(
  records: Readonly<Record<string, DeploymentRecord>>,
  fault: Partial<BoundVariant> = {},
  variant = fileVariant("FileV0"),
) {
  const temporary = await makeTempFolder("workers");
  const time = { nowMs: 0 };
  const known = new Map(Object.entries(records).map(([name, one]) => [asDeploymentName(name), one]));
  const workers = new Workers({
    variants: [{ ...bind(variant, folderTopology(temporary.path)), ...fault }],
    desired: {
      names: () => [...known.keys()],
      record: (name) => known.get(name),
      trouble: () => undefined,
      accepted: () => undefined,
      removed: () => Promise.resolve(),
      adopt: () => Promise.resolve(),
      events: new EventEmitter(),
    },
    holds: { get: () => null, forget: () => Promise.resolve(), events: new EventEmitter() },
    problems: new Problems({ log }),
    relistIntervalMs: 60_000,
    log,
    clock: { ...systemClock, monotonicMs: () => time.nowMs },
  });
  onTestFinished(async () => {
    await workers.close();
    await temporary.remove();
  });
  return { workers, time };
}

/**
 * A pull whose registry is silent: it reports its beginning, and then only what the test makes it
 * report.
 */
function silentPull() {
  const runs: { readonly signal: AbortSignal; readonly report: () => void }[] = [];
  const pulling: WorkloadReport = {
    phase: "Pulling",
    reason: "Pulling",
    message: "pulling image",
    runningRevision: null,
    services: [],
    recheckAfterMs: null,
    settled: false,
  };
  const reconcile: BoundVariant["reconcile"] = (_, { signal, onReport }) => {
    const report = (): void => onReport?.(pulling);
    runs.push({ signal, report });
    report();
    const { promise, reject } = Promise.withResolvers<WorkloadReport>();
    signal.addEventListener("abort", () => reject(signal.reason));
    return promise;
  };
  return { runs, reconcile };
}

test.each([
  ["a pull that has been silent for more than a minute", [60_001], true],
  ["one that has been for less", [60_000], false],
  ["one that has reported something meanwhile", [50_000, 50_000], false],
] as const)("retry and %s", async (_, pauses, isBrokenOff) => {
  const { runs, reconcile } = silentPull();
  const { workers, time } = await makeWorkers({ hello: record(valid) }, { reconcile });
  workers.start(new AbortController().signal);
  const [first] = await eventually(() => runs.length === 1 && runs);
  for (const [index, pauseMs] of pauses.entries()) {
    if (index > 0) first?.report();
    time.nowMs += pauseMs;
  }
  await workers.retry(hello, new AbortController().signal);
  expect(first?.signal.aborted).toBe(isBrokenOff);
  if (isBrokenOff) await eventually(() => runs.length === 2);
});

test("a variant learns at the start which workloads it will be asked for", async () => {
  const expected: string[][] = [];
  const { workers } = await makeWorkers(
    {
      wanted: record(valid),
      "accepted-before": record(refused, { accepted: { revision: 1, scoreString: valid } }),
      refused: record(refused),
      "of-another-type": record(other),
      "not-read": record(null),
      leaving: record(valid, { removing: true }),
    },
    { expect: (names) => expected.push([...names]) },
  );
  workers.start(new AbortController().signal);
  expect(expected).toEqual([["wanted", "accepted-before"]]);
});

test.each([
  ["7 of git:demo", 7, "what runs stays"],
  ["made by hand", null, "what runs stays"],
] as const)("beside a Score that is refused, what runs and calls itself %j is reported", async (revision, runningRevision, part) => {
  const workloads = () => Promise.resolve([{ name: hello, revision, scoreString: valid }]);
  const { workers } = await makeWorkers({ hello: record(refused) }, { workloads });
  const reports: WorkerReport[] = [];
  workers.events.on("reported", (_, report) => reports.push(report));
  workers.start(new AbortController().signal);
  const last = await eventually(() => reports.find(({ report }) => report.message.includes(part)));
  expect(last).toMatchObject({ runningRevision, desiredRevision: 1, source: "git", report: { phase: "Rejected", reason: "InvalidScore" } });
});

test("a Score in hand is read once, however often it is reconciled and explained", async () => {
  let reads = 0;
  const variant = fileVariant("FileV0");
  const counting = { ...variant, parse: (data: unknown) => ((reads += 1), variant.parse(data)) };
  const { workers } = await makeWorkers({ hello: record(valid) }, {}, counting);
  const reports: WorkerReport[] = [];
  workers.events.on("reported", (_, report) => reports.push(report));
  workers.start(new AbortController().signal);
  await eventually(() => reports.some(({ report }) => report.phase === "Running"));
  const before = reports.length;
  workers.lookAtAll();
  await eventually(() => reports.length > before);
  await workers.explain(hello, new AbortController().signal);
  expect(reads).toBe(1);
});

test("a right that is withdrawn on the device stops changes, and nothing that runs", async () => {
  const denied: WorkloadReport = {
    phase: "Rejected",
    reason: "PolicyDenied",
    message: "host_network is not allowed",
    runningRevision: null,
    services: [],
    recheckAfterMs: null,
    settled: true,
  };
  const inForce = { revision: 1, scoreString: valid };
  const { workers } = await makeWorkers(
    { hello: record(valid, { accepted: inForce }) },
    {
      check: () => denied,
      workloads: () => Promise.resolve([{ name: hello, revision: "1 of git", scoreString: valid }]),
      reconcile: () => Promise.reject(new Error("something is done to what runs")),
    },
  );
  const reports: WorkerReport[] = [];
  workers.events.on("reported", (_, report) => reports.push(report));
  workers.start(new AbortController().signal);
  const last = await eventually(() => reports.find(({ runningRevision }) => runningRevision === 1));
  expect(last.report).toMatchObject({ phase: "Rejected", reason: "PolicyDenied", message: "host_network is not allowed; what runs stays" });
  expect(reports.map(({ report: { reason } }) => reason)).not.toContain("TopologyUnavailable");
});

test.each([
  ["a fault that is over at the next try is not reported", 1, false],
  ["one that lasts is", 2, true],
] as const)("%s", async (_, faults, isReported) => {
  const running: WorkloadReport = {
    phase: "Running",
    reason: "Running",
    message: "running x:1",
    runningRevision: "1 of git",
    services: [],
    recheckAfterMs: 0,
    settled: true,
  };
  let tries = 0;
  const reconcile: BoundVariant["reconcile"] = () => {
    tries += 1;
    if (tries > 1 && tries <= 1 + faults) return Promise.reject(new Error("write EPIPE"));
    return Promise.resolve(tries === 1 ? running : { ...running, recheckAfterMs: null });
  };
  const { workers } = await makeWorkers({ hello: record(valid) }, { reconcile });
  const reasons: string[] = [];
  workers.events.on("reported", (_name, { report }) => reasons.push(report.reason));
  workers.start(new AbortController().signal);
  await eventually(() => tries >= 2 + faults && reasons.at(-1) === "Running");
  expect(reasons.includes("TopologyUnavailable")).toBe(isReported);
});
