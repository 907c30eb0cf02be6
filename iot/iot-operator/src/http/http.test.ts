// What /readyz says, by what is wrong.

import { expect, test } from "vitest";
import { readiness } from "./http.ts";
import { newHealth, type Health } from "./health.ts";

const serving: Health = { ...newHealth(), nats: null, sourceReadable: true, inStep: true, sourceVersion: "7" };

const cases: [string, Partial<Health>, boolean, string[]][] = [
  ["all is well", {}, true, []],
  ["NATS is away", { nats: "it is away" }, false, ["NATS: it is away"]],
  ["NATS is away, and so nobody follows the buckets", { nats: "it is away", bucketProblem: () => "deaf" }, false, ["NATS: it is away"]],
  ["a bucket is not followed", { bucketProblem: () => "deaf" }, false, ["deaf"]],
  ["no pass has come to its end", { inStep: false }, false, []],
  ["the last pass failed", { passProblem: "failed" }, false, ["failed"]],
  ["the source cannot be read", { sourceReadable: false, sourceProblem: "no such branch" }, false, ["no such branch"]],
  ["a commit is not followed", { sourceProblem: "a.yaml:3: wrong" }, true, ["a.yaml:3: wrong"]],
  ["a report failed", { reportProblem: "refused" }, true, ["refused"]],
  ["the source is silent", { sourceHealth: () => "no answer" }, false, ["no answer"]],
  ["removals are held", { held: "confirm" }, true, ["confirm"]],
  ["entries are lost", { lost: "put them back" }, true, ["put them back"]],
  ["objects cannot be claimed", { claimProblem: "forbidden" }, true, ["forbidden"]],
  ["a device is given more than NATS takes", { refused: "too large" }, true, ["too large"]],
  ["another's source", { ownerProblem: "OtherCluster" }, false, ["OtherCluster"]],
];

test.each(cases)("%s", (_what, health, ready, problems) => {
  expect(readiness({ ...serving, ...health })).toEqual({ ready, version: "7", problems });
});
