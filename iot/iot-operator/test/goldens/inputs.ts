// Inputs of the goldens, made from a seed: a bucket that two sources have written to, and what one
// of them says next; and what devices say of a Deployment.

import { PHASES } from "@harmony/core";
import { asDeploymentName, asDeviceId, type DeviceStatus } from "@iot/contracts";
import * as fc from "fast-check";
import { complete, deployment, ModelBucket } from "../model-bucket.ts";
import { type DeviceView, type Input, plan, type SourceDeployment } from "./adapter.ts";

const SEED = 20_260_102;
const OURS = "git:ours";
const THEIRS = "kubernetes:theirs";
const DEVICES = ["pi-1", "pi-2", "pi-3", "pi-4", "pi-5", "pi-6"];
const NAMES = ["a", "b", "constructor"];

const one = fc.record({
  name: fc.constantFrom(...NAMES),
  devices: fc.subarray(DEVICES, { minLength: 1 }),
  namespace: fc.constantFrom("default", "plant"),
  generation: fc.integer({ min: 1, max: 4 }),
  createdAt: fc.constantFrom("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
  commit: fc.constantFrom(undefined, "abc1234", "def5678"),
  version: fc.constantFrom("1", "2"),
});
const source = fc.array(one, { maxLength: 4 }).map((all) => all.map(toDeployment).filter(isFirst));

const story = fc.record({
  theirs: source,
  before: source,
  /** Written in part, before the process died. */
  meanwhile: source,
  after: fc.oneof({ weight: 4, arbitrary: source }, { weight: 1, arbitrary: fc.constant<SourceDeployment[]>([]) }),
  settlesTheirs: fc.boolean(),
  stepsLeft: fc.constantFrom(0, 1, 2, 3, 5),
  refused: fc.subarray(NAMES, { maxLength: 1 }),
  deleting: fc.subarray(NAMES, { maxLength: 1 }),
  isAuthoritative: fc.boolean(),
  spoiled: fc.subarray(DEVICES, { maxLength: 1 }),
  wiped: fc.subarray(DEVICES, { maxLength: 2 }),
  reported: fc.array(fc.record({ device: fc.constantFrom(...DEVICES), names: fc.subarray(NAMES), from: fc.constantFrom(OURS, THEIRS) })),
  mayRemove: fc.constantFrom(true, false, false),
  areAbandoned: fc.boolean(),
});
type Story = typeof story extends fc.Arbitrary<infer Value> ? Value : never;

function toDeployment({
  name,
  devices,
  version,
  commit,
  ...more
}: typeof one extends fc.Arbitrary<infer Of> ? Of : never): SourceDeployment {
  const scoreString = `{"type":"PodmanV0","data":{"of":"${name}","version":"${version}"}}`;
  return deployment(name, devices, { ...more, scoreString, ...(commit === undefined ? {} : { commit }) });
}

function isFirst({ uid }: SourceDeployment, index: number, all: readonly SourceDeployment[]): boolean {
  return all.findIndex((other) => other.uid === uid) === index;
}

function settle(bucket: ModelBucket, sourceId: string, deployments: readonly SourceDeployment[], stepsLeft = 0): void {
  const { steps } = plan({
    sourceId,
    source: complete(deployments),
    desired: bucket.snapshot(),
    reported: new Map(),
    mayRemove: () => true,
    abandoned: new Set(),
  });
  bucket.apply(steps.slice(0, steps.length - stepsLeft));
}

function planInput(of: Story): Input {
  const bucket = new ModelBucket();
  if (of.settlesTheirs) settle(bucket, THEIRS, of.theirs);
  settle(bucket, OURS, of.before);
  if (of.stepsLeft > 0) settle(bucket, OURS, of.meanwhile, of.stepsLeft);
  for (const device of of.spoiled) bucket.spoilManifest(asDeviceId(device));
  const { manifests, scores } = bucket.snapshot();
  const found = [...manifests].filter(([device]) => !of.wiped.includes(device));
  const asObject = (name: string) => ({ uid: `uid-default-${name}`, namespace: "default", name, generation: 3 });
  const untouched = of.after.filter(({ name }) => !of.refused.includes(name) && !of.deleting.includes(name));
  return {
    kind: "plan",
    sourceId: OURS,
    source: complete(untouched, {
      refused: of.refused.map((name) => ({ ...asObject(name), reason: "InvalidSpec", message: "spec.score: is missing" })),
      deleting: of.deleting.map(asObject),
      ...(of.isAuthoritative ? { authoritative: true } : {}),
    }),
    manifests: found,
    scores: [...scores],
    reported: of.reported.map(({ device, names, from }) => [asDeviceId(device), names.map((name) => [asDeploymentName(name), from])]),
    mayRemove: of.mayRemove,
    abandoned: of.areAbandoned ? [...scores].map(([key, { revision }]) => `${key}@${revision}`) : [],
  };
}

const said = fc.record({
  phase: fc.oneof({ weight: 2, arbitrary: fc.constant("Running" as const) }, { weight: 1, arbitrary: fc.constantFrom(...PHASES) }),
  reason: fc.constantFrom(null, "ImageNotFound", "PortInUse", "CrashLoop"),
  message: fc.constantFrom("running x:1", "there is no image x:2", "host port 80 is held"),
  desiredRevision: fc.constantFrom(5, 5, 5, 4, null),
  ageMs: fc.constantFrom(1_000, 99_000, 101_000, 900_000),
  interval: fc.constantFrom(null, null, 300),
  problem: fc.constantFrom(undefined, undefined, {
    reason: "InvalidManifest",
    message: "it cannot be read",
    since: "2026-01-01T00:00:00Z",
  }),
  isKnown: fc.constantFrom(true, true, true, false),
  isReadable: fc.constantFrom(true, true, true, true, false),
  isHeard: fc.constantFrom(true, true, true, true, false),
});
type Said = typeof said extends fc.Arbitrary<infer Value> ? Value : never;

function view(of: Said, index: number): DeviceView {
  const device = asDeviceId(`pi-${String(index).padStart(3, "0")}`);
  if (!of.isHeard) return { device, revision: 5, status: null };
  const { phase, reason, message, desiredRevision, ageMs, interval, problem } = of;
  const report = {
    phase,
    reason: reason ?? phase,
    message,
    since: "2026-01-01T00:00:00Z",
    desiredRevision,
    runningRevision: 5,
    services: [],
  };
  const value: DeviceStatus = {
    device,
    agentVersion: "0.1.0",
    reportedAt: "2026-01-01T00:00:00Z",
    manifestRevision: 6,
    ...(interval === null ? {} : { statusIntervalSeconds: interval }),
    ...(problem === undefined ? {} : { problem }),
    deployments: of.isKnown ? { hello: report } : {},
  };
  const issues = [{ path: ["deployments"], message: "is missing: expected a map" }];
  return {
    device,
    revision: index % 11 === 10 ? null : 5,
    status: { ageMs, value: of.isReadable ? { ok: true, value } : { ok: false, issues } },
  };
}

/**
 * One kind of answer from all devices in a part of the cases, since most conditions are about all.
 */
const status = fc.record({
  devices: fc.oneof(
    fc.array(said, { maxLength: 20 }),
    fc.tuple(said, fc.integer({ min: 1, max: 5 })).map(([each, count]) => Array.from({ length: count }, () => each)),
  ),
  blocked: fc.constantFrom(null, null, null, null, { reason: "NameConflict", message: "another has the name" }),
  waitedMs: fc.constantFrom(0, 600_000, 600_001, 7_200_000),
});

export function generated(count: number): { name: string; input: Input }[] {
  const options = { seed: SEED, numRuns: count };
  const plans = fc.sample(story, options).map((of, index) => ({ name: `plan ${index}`, input: planInput(of) }));
  const statuses = fc.sample(status, options).map(({ devices, ...more }, index) => ({
    name: `status ${index}`,
    input: { kind: "status", name: "hello", devices: devices.map(view), ...more } satisfies Input,
  }));
  return [...plans, ...statuses];
}
