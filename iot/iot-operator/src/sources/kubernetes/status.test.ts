// When a status is written, and what of the standing one is kept.

import { expect, test } from "vitest";
import type { DeploymentResult } from "../source.ts";
import { areCountersAlone, statusToWrite } from "./status.ts";

const BEFORE = "2026-01-01T00:00:00Z";
const NOW = "2026-01-02T00:00:00Z";
const settled = { status: "False", reason: "Settled", message: "" } as const;

function result(changes: Partial<DeploymentResult> = {}, ready: "True" | "False" = "True", message = "1 of 1 runs it"): DeploymentResult {
  return {
    uid: "u",
    namespace: "default",
    name: "hello",
    generation: 1,
    scoreString: "{}",
    conditions: { Ready: { status: ready, reason: "Running", message }, Reconciling: settled, Stalled: settled },
    aggregate: { devices: 1, running: 1, pending: 0, failed: 0, offline: 0, failures: [] },
    ...changes,
  };
}
const standing = statusToWrite(result(), undefined, BEFORE);
const since = (status: ReturnType<typeof statusToWrite>): (string | undefined)[] =>
  (status?.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime);

test("the first is written whole", () => {
  expect(standing).toMatchObject({ observedGeneration: 1, observedScoreString: "{}", aggregate: { running: 1 } });
  expect(standing?.conditions?.map(({ type, observedGeneration }) => [type, observedGeneration])).toEqual([
    ["Ready", 1],
    ["Reconciling", 1],
    ["Stalled", 1],
  ]);
  expect(since(standing)).toEqual([BEFORE, BEFORE, BEFORE]);
});

test("the same is not written again, whatever the order of the conditions and whatever others added", () => {
  const conditions = (standing?.conditions ?? []).toReversed();
  const others = { type: "Audited", status: "True", reason: "Done", message: "", lastTransitionTime: BEFORE };
  expect(statusToWrite(result(), { ...standing, conditions: [others, ...conditions], note: 1 }, NOW)).toBeNull();
});

test("only a changed status of a condition moves its lastTransitionTime", () => {
  expect(since(statusToWrite(result({}, "True", "in other words"), standing, NOW))).toEqual([BEFORE, BEFORE, BEFORE]);
  expect(since(statusToWrite(result({}, "False"), standing, NOW))).toEqual([NOW, BEFORE, BEFORE]);
});

test("nothing in the bucket: the Score's string goes from the status", () => {
  expect(statusToWrite(result({ scoreString: null }), standing, NOW)).not.toHaveProperty("observedScoreString");
});

test("a status that was garbled by hand is written anew", () => {
  expect(statusToWrite(result(), { conditions: "none", observedGeneration: "1" }, NOW)).toMatchObject({ observedGeneration: 1 });
});

test("a message has at most what Kubernetes allows", () => {
  const long = statusToWrite(result({}, "True", "x".repeat(40_000)), standing, NOW);
  expect(long?.conditions?.[0]?.message).toHaveLength(32_768);
});

test.each([
  ["counters and their words", result({ aggregate: { devices: 9, running: 8, pending: 0, failed: 0, offline: 1, failures: [] } }), true],
  ["a condition", result({}, "False"), false],
  ["the generation", result({ generation: 2 }), false],
  ["the Score", result({ scoreString: null }), false],
  ["words, with the same counters", result({}, "True", "in other words"), false],
])("what changed: %s", (_what, changed, isCounters) => {
  const status = statusToWrite(changed, standing, NOW);
  expect(status === null ? null : areCountersAlone(status, standing)).toBe(isCounters);
});
