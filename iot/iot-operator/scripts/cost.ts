// What the operator's own thread spends on a fleet, without a server: one status, a second in which
// nothing came, a change to one device, a pass over all with nothing to do. Prints a line of JSON.
// For `npm run bench -- operator`; by hand: `node --expose-gc iot/iot-operator/scripts/cost.ts
// DEVICES DEPLOYMENTS_EACH`.

import { systemClock } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, type DeviceStatus, emptyManifest, keys, type ManifestEntry } from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import { plan } from "../src/plan/plan.ts";
import { type Standing, standingAfter } from "../src/plan/standing.ts";
import { EMPTY_RECORD } from "../src/plan/removals/record.ts";
import { Reporter } from "../src/report/reporter.ts";
import type { CompleteSnapshot, SourceDeployment } from "../src/sources/source.ts";

const STATUSES = 2_000;
const CHANGES = 10;
const SOURCE = "git:bench";
const SINCE = "2026-01-01T00:00:00Z";

const [devices = 1_000, each = 5] = process.argv.slice(2).map(Number);
const ids = Array.from({ length: devices }, (_, index) => asDeviceId(`device-${index}`));
const deployments = Array.from({ length: each }, (_, index): SourceDeployment => {
  const name = asDeploymentName(`workload-${index}`);
  const of = { uid: `uid-${index}`, namespace: "default", name, generation: 1, createdAt: SINCE };
  return { ...of, targetDevices: ids, scoreString: JSON.stringify({ type: "PodmanV0", data: { name } }) };
});
const source: CompleteSnapshot = { kind: "complete", deployments, refused: [], deleting: [], version: "1", evidence: null };

function entryFor({ uid, namespace, generation, createdAt }: SourceDeployment): ManifestEntry {
  return { revision: 1, generation, uid, source: SOURCE, namespace, createdAt };
}

function manifestOf(): DesiredStateSnapshot["manifests"] extends ReadonlyMap<unknown, infer One> ? One : never {
  const entries = Object.fromEntries(deployments.map((one) => [one.name, entryFor(one)]));
  return { revision: 2, manifest: { ok: true, value: { ...emptyManifest(), sources: [SOURCE], deployments: entries } } };
}

function desiredState(): DesiredStateSnapshot {
  const scores = ids.flatMap((device) =>
    deployments.map(({ name, scoreString }) => [keys.score(device, name), { revision: 1, scoreString }] as const),
  );
  return { manifests: new Map(ids.map((device) => [device, manifestOf()])), scores: new Map(scores), foreignKeys: [] };
}

function statusOf(device: string, phase: string): DeviceStatus {
  const report = { phase, reason: phase, message: "", since: SINCE, desiredRevision: 1, runningRevision: 1, services: [] };
  const reports = Object.fromEntries(deployments.map(({ name }) => [name, { ...report }]));
  return { device, agentVersion: "1", bootId: "b", reportedAt: SINCE, manifestRevision: 2, deployments: reports };
}

/** CPU of this process. */
function cpuMs(deed: () => void): number {
  const before = process.cpuUsage();
  deed();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const reporter = new Reporter({ sourceId: SOURCE, clock: systemClock });
const desired = desiredState();
const around = () => ({
  sourceId: SOURCE,
  adopts: new Set<string>(),
  reported: reporter.reported(),
  removals: { record: EMPTY_RECORD, revision: 0, nowMs: Date.now() },
  unclaimed: new Map<string, string>(),
  abandoned: new Set<string>(),
});
const planPass = () => plan({ ...around(), source, desired });
const hear = (device: string, phase: string): void => {
  reporter.hear({ device: asDeviceId(device), receivedAtMs: 0, nowMs: 0, status: { ok: true, value: statusOf(device, phase) } });
};
/** A commit that gives the first device another Score of its own, planned and settled. */
function changeOne(standing: Standing, version: number): void {
  const [first = asDeviceId("device-0")] = ids;
  const own = {
    uid: "own",
    namespace: "default",
    name: asDeploymentName("own"),
    generation: version,
    createdAt: SINCE,
    targetDevices: [first],
  };
  const lists = deployments.map((one) => ({ ...one, targetDevices: [...one.targetDevices] }));
  const part = standing.planPart({
    ...around(),
    source: { ...source, deployments: [...lists, { ...own, scoreString: `{"v":${version}}` }], version: String(version) },
    dirty: new Set(),
    observe: (some) => ({
      manifests: new Map([...some].flatMap((id) => (desired.manifests.has(id) ? [[id, manifestOf()]] : []))),
      scores: new Map(deployments.map(({ name, scoreString }) => [keys.score(first, name), { revision: 1, scoreString }])),
      foreignKeys: [],
    }),
  });
  if (part?.planned.steps.length !== 2) throw new Error("one Score and one manifest are to be written");
  reporter.settle({ source: part.source, desired: part.settle(), plan: part.planned }, part.devices);
}
const planned = planPass();
const standing = standingAfter(planned, { source, desired, adopts: "" });
if (standing === null) throw new Error("the fleet is not in step");
reporter.settle({ source, desired, plan: planned });
for (const device of ids) hear(device, "Running");
reporter.results();
const wholePassMs = cpuMs(() => planPass());
const phases = ["Failed", "Running", "Pulling"];
const statusMs =
  cpuMs(() => {
    for (let index = 0; index < STATUSES; index += 1) {
      hear(`device-${(index * 7919) % devices}`, phases[index % phases.length] ?? "Running");
      // As many to a second as a fleet of this size says each 30 s.
      if (index % Math.ceil(devices / 30) === 0) reporter.results();
    }
  }) / STATUSES;
const idleReportMs = cpuMs(() => {
  for (let second = 0; second < 100; second += 1) reporter.results();
});
for (let version = 1; version <= CHANGES; version += 1) changeOne(standing, version);
const changeMs =
  cpuMs(() => {
    for (let version = 1; version <= CHANGES; version += 1) changeOne(standing, CHANGES + version);
  }) / CHANGES;
// What lives, with what the store keeps; how much of garbage stands beside it is V8's to choose.
globalThis.gc?.();
const heapMiB = process.memoryUsage().heapUsed / 2 ** 20;
process.stdout.write(`${JSON.stringify({ devices, each, statusMs, idleReportMs: idleReportMs / 100, changeMs, wholePassMs, heapMiB })}\n`);
