// The immediate answer to a step that Podman refused.

import type { Outcome } from "@harmony/core";
import { expect, test } from "vitest";
import { inWords, NOW_MS, trial, version } from "../../test/scene.ts";
import { v1, v2 } from "../../test/swap-scene.ts";
import { NOTHING_RECORDED } from "../model/swap-record.ts";
import type { Step } from "../model/step.ts";
import { answerFailure } from "./answer-failure.ts";

const record = { ...NOTHING_RECORDED, good: version(v1), trial: trial(v2) };
const tried: Step = {
  kind: "start",
  service: "web",
  container: "app_web.next",
  patienceMs: 0,
  trial: { deployment: "app", record },
};
const start: Step = { ...tried, container: "app_web", trial: null };
const previous: Step = { ...start, container: "app_web.old" };
const stop: Step = { kind: "stop", service: "web", container: "app_web", timeoutSeconds: 10 };
const spec = { image: "x:1", volumes: [], mounts: [], resource_limits: undefined, no_new_privileges: undefined };
const create: Step = { kind: "create", service: "web", container: "app_web", image: "x:1", spec, labels: {} };
const pull: Step = { kind: "pull", service: "web", image: "x:1", reference: "docker.io/library/x:1", policy: "missing" };
const revive: Step = { kind: "revive", service: "web", container: "app_web" };
const verify: Step = { kind: "verifyImage", service: "web", deployment: "app", container: "app_web", image: "x:1", imageId: "id" };

function outcome(kind: "blocked" | "failed", reason: string, code: string): Outcome {
  return { kind, subject: "web", reason, message: `it is ${reason}`, code, detail: "Podman's words" };
}
const full = outcome("blocked", "DiskFull", "disk-full");
const damaged = outcome("blocked", "ImageDamaged", "damaged");
const unstartable = outcome("failed", "StartFailed", "failed");
const written = "journal: the new version could not be started";

test.each<[string, Step, Outcome, readonly string[]]>([
  ["a version on trial that cannot be started", tried, unstartable, [written]],
  ["one whose port something else holds", tried, outcome("blocked", "PortInUse", "port-in-use"), [written]],
  ["one that finds the disk full: it is written down, and the reserve is left for the way back", tried, full, ["noteFullDisk", written]],
  ["one that Podman cannot be asked about", tried, outcome("failed", "PodmanUnreachable", "unreachable"), []],
  ["a start on a full disk", start, full, ["noteFullDisk", "releaseReserve"]],
  ["the start of what is gone back to on a full disk", previous, full, ["noteFullDisk", "releaseReserve"]],
  ["a stop on a full disk", stop, full, ["releaseReserve"]],
  ["what is made on a full disk", create, full, ["noteFullDisk"]],
  ["a pull that fills the disk", pull, full, []],
  ["what is revived on a full disk", revive, { kind: "unchanged", code: "disk-full" }, []],
  ["a damaged container on trial", tried, damaged, ["note container of app web"]],
  ["a damaged container that is kept to go back to", previous, damaged, []],
  ["what is damaged as it is made", create, damaged, ["note image of app web"]],
  ["what is damaged as it is revived", revive, { kind: "unchanged", code: "damaged" }, ["note container of app web"]],
  ["a damaged pull", pull, damaged, ["note image of docker.io/library/x:1"]],
  ["an image that was read and is damaged", verify, { kind: "changed", code: "damaged" }, ["note image of app web"]],
  ["a start that fails with no version to go back to", start, unstartable, []],
])("%s", (_, step, came, answer) => {
  expect(answerFailure({ step, outcome: came, nowMs: NOW_MS }).map(inWords)).toEqual(answer);
});

test("a start that failed for good is written with Podman's words, one that may pass with the moment of the next try", () => {
  const [failed] = answerFailure({ step: tried, outcome: unstartable, nowMs: NOW_MS });
  expect(failed).toMatchObject({ record: { trial: { failure: { why: "it could not be started: Podman's words" }, setback: null } } });
  const [, passing] = answerFailure({ step: tried, outcome: full, nowMs: NOW_MS });
  const at = new Date(NOW_MS).toISOString();
  expect(passing).toMatchObject({ deployment: "app", record: { trial: { isAside: true, failure: null, setback: { at, count: 1 } } } });
});

test("a repair that meets damage has not helped", () => {
  const repairing: Step = {
    kind: "repairImage",
    repair: "refetch",
    service: "web",
    deployment: "app",
    containers: ["app_web"],
    image: "x:1",
    reference: "docker.io/library/x:1",
    detail: "layer not known",
  };
  expect(answerFailure({ step: repairing, outcome: damaged, nowMs: NOW_MS })).toMatchObject([
    { kind: "noteDamage", after: "refetch", where: "image" },
  ]);
});
