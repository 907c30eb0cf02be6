// What a lane does beside its reconcile: whom a person's retry breaks off, and what a variant is told before its first look.

import { bind, type BoundVariant, type WorkloadReport } from "@harmony/core";
import { createLog, systemClock } from "@harmony/runtime";
import { asDeploymentName } from "@iot/contracts";
import { eventually, makeTempFolder } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { fileVariant, folderTopology } from "../../test/second-variant/file-v0.ts";
import { Lanes } from "./lanes.ts";
import { Problems } from "../status/problems.ts";
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

async function makeLanes(records: Readonly<Record<string, DeploymentRecord>>, fault: Partial<BoundVariant> = {}) {
  const temporary = await makeTempFolder("lanes");
  const time = { nowMs: 0 };
  const known = new Map(Object.entries(records).map(([name, one]) => [asDeploymentName(name), one]));
  const lanes = new Lanes({
    variants: [{ ...bind(fileVariant("FileV0"), folderTopology(temporary.path)), ...fault }],
    desired: {
      names: () => [...known.keys()],
      record: (name) => known.get(name),
      trouble: () => undefined,
      accepted: () => undefined,
      removed: () => Promise.resolve(),
      adopt: () => Promise.resolve(),
    },
    problems: new Problems({ log, onChange: () => undefined }),
    relistIntervalMs: 60_000,
    log,
    onReport: () => undefined,
    onRemoved: () => undefined,
    holdOf: () => null,
    clock: { ...systemClock, monotonicMs: () => time.nowMs },
  });
  onTestFinished(async () => {
    await lanes.close();
    await temporary.remove();
  });
  return { lanes, time };
}

/** Tells that it has begun, and then only what it is made to tell, as a pull whose registry is silent. */
function silentPull() {
  const runs: { readonly signal: AbortSignal; readonly tell: () => void }[] = [];
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
    const tell = (): void => onReport?.(pulling);
    runs.push({ signal, tell });
    tell();
    const { promise, reject } = Promise.withResolvers<WorkloadReport>();
    signal.addEventListener("abort", () => reject(signal.reason));
    return promise;
  };
  return { runs, reconcile };
}

test.each([
  ["a pull that has been silent for more than a minute", [60_001], true],
  ["one that has been for less", [60_000], false],
  ["one that has told something meanwhile", [50_000, 50_000], false],
] as const)("retry and %s", async (_, pauses, isBrokenOff) => {
  const { runs, reconcile } = silentPull();
  const { lanes, time } = await makeLanes({ hello: record(valid) }, { reconcile });
  lanes.start(new AbortController().signal);
  const [first] = await eventually(() => runs.length === 1 && runs);
  for (const [index, pauseMs] of pauses.entries()) {
    if (index > 0) first?.tell();
    time.nowMs += pauseMs;
  }
  await lanes.retry(hello, new AbortController().signal);
  expect(first?.signal.aborted).toBe(isBrokenOff);
  if (isBrokenOff) await eventually(() => runs.length === 2);
});

test("a variant is told at the start which workloads it will be asked for", async () => {
  const expected: string[][] = [];
  const { lanes } = await makeLanes(
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
  lanes.start(new AbortController().signal);
  expect(expected).toEqual([["wanted", "accepted-before"]]);
});
