// Carries out a plan's steps: first what frees room and has no effect on a device, the Scores that
// nobody names; then the record of removals alone, for nothing may go that it does not say; then
// each device's in their order, many devices at once, those that only give up something before
// those that want room; then what the source does to its objects. A store that is full refuses one
// device, and the others go on. Every write says which revision it replaces; a refusal leaves that
// device as it is for this pass, since somebody else wrote there. No choice is made here.

import { lookUp } from "@harmony/schema";
import type { DeploymentName, DeviceId, Manifest } from "@iot/contracts";
import { type DesiredStateStore, MessagingError, type WriteResult } from "@iot/messaging";
import type { Log, LogFields } from "@harmony/runtime";
import type { RemovalRecord } from "../plan/removals/record.ts";
import { type DeviceStep, isDeviceStep, type Step } from "../plan/steps.ts";
import type { Unwritten } from "../plan/unwritten.ts";
import type { OwnerStep, Source } from "../sources/source.ts";

export interface Applied {
  /** The number of writes to the bucket of desired state. */
  readonly writes: number;
  /** Devices where somebody else had written: to be observed again. */
  readonly conflicts: readonly DeviceId[];
  /**
   * Devices whose writes cannot succeed until something changes, e.g. a manifest that is too large;
   * the others go on.
   */
  readonly refused: readonly DeviceId[];
  /** Of the first of them; null: there is none. */
  readonly whyRefused: string | null;
  /** The store took no more; null: it did. */
  readonly full: FullStore | null;
  /**
   * What became of the record; null: it was not to be written. On a conflict nothing else was done.
   */
  readonly record: "written" | "conflict" | null;
  /** Objects that were claimed or released. */
  readonly claims: number;
  /** Why an object could not be claimed or released, by uid. */
  readonly unclaimed: ReadonlyMap<string, string>;
}

export interface FullStore {
  /** A sentence with the cure. */
  readonly why: string;
  /** Those that have not all that was to be written. */
  readonly devices: readonly DeviceId[];
}

export interface ApplyOptions {
  readonly store: Pick<DesiredStateStore, "putScore" | "putManifest" | "removeScore">;
  /** Scores that no manifest names, as `key@revision`. */
  readonly orphans: ReadonlySet<string>;
  readonly putRecord: (record: RemovalRecord, expectedRevision: number) => Promise<WriteResult>;
  readonly carryOut: Source["carryOut"];
  readonly signal: AbortSignal;
  readonly log: Log;
}

type Write = (message: string, fields: LogFields) => void;

/** Each keeps one or more writes on the way to the server. */
const DEVICES_AT_ONCE = 256;
/** A fleet's first pass is reported in one line, a change in one for each deployment and device. */
const STEPS_LOGGED = 200;

/**
 * @throws MessagingError of a write that may succeed later, when all that was on its way has ended.
 */
export async function apply(steps: readonly Step[], options: ApplyOptions): Promise<Applied> {
  const ofDevices = steps.filter(isDeviceStep);
  const others = ofDevices.filter((step) => !isOrphan(step, options.orphans));
  const freed = await applyToDevices(
    ofDevices.filter((step) => isOrphan(step, options.orphans)),
    options,
  );
  const nothingElse = { ...freed, claims: 0, unclaimed: new Map<string, string>() };
  let record: Applied["record"] = null;
  for (const step of steps) {
    if (step.kind !== "put-record") continue;
    try {
      const { ok } = await options.putRecord(step.record, step.expectedRevision);
      if (!ok) return { ...nothingElse, record: "conflict" };
      record = "written";
    } catch (error) {
      if (!isFull(error)) throw error;
      return { ...nothingElse, full: { why: error.message, devices: [...new Set(others.map(({ device }) => device))] }, record };
    }
  }
  const devices = added(freed, await applyToDevices(others, options));
  const own = steps.filter((step): step is OwnerStep => step.kind === "claim" || step.kind === "release");
  const unclaimed = own.length === 0 ? nothingElse.unclaimed : await options.carryOut(own, options.signal);
  return { ...devices, record, claims: own.length - unclaimed.size, unclaimed };
}

type AppliedToDevices = Pick<Applied, "writes" | "conflicts" | "refused" | "whyRefused" | "full">;

function added(one: AppliedToDevices, other: AppliedToDevices): AppliedToDevices {
  return {
    writes: one.writes + other.writes,
    conflicts: [...one.conflicts, ...other.conflicts],
    refused: [...one.refused, ...other.refused],
    whyRefused: one.whyRefused ?? other.whyRefused,
    full: other.full ?? one.full,
  };
}

function isOrphan(step: DeviceStep, orphans: ReadonlySet<string>): boolean {
  return step.kind === "remove-score" && orphans.has(`${step.device}.${step.deployment}@${step.expectedRevision}`);
}

export function isFull(error: unknown): error is MessagingError {
  return error instanceof MessagingError && error.code === "StoreFull";
}

/** Devices that want no more room are done before any that does. */
async function applyToDevices(steps: readonly DeviceStep[], options: ApplyOptions): Promise<AppliedToDevices> {
  const batches = [...Map.groupBy(steps, ({ device }) => device)];
  const wantsRoom = ([, own]: (typeof batches)[number]): boolean => own.some(({ kind }) => kind === "put-score");
  const giving = batches.filter((batch) => !wantsRoom(batch));
  const logged = { ...options, level: steps.length <= STEPS_LOGGED ? ("info" as const) : ("debug" as const) };
  return added(await applyBatches(giving, logged), await applyBatches(batches.filter(wantsRoom), logged));
}

async function applyBatches(
  batches: [DeviceId, readonly DeviceStep[]][],
  { level, ...options }: ApplyOptions & { readonly level: "info" | "debug" },
): Promise<AppliedToDevices> {
  const { signal, store } = options;
  const log: Write = (message, fields) => options.log[level](message, fields);
  const conflicts: DeviceId[] = [];
  const refused: DeviceId[] = [];
  const failures: Error[] = [];
  const full: DeviceId[] = [];
  let whyFull = "";
  let whyRefused: string | null = null;
  let writes = 0;
  const worker = async (): Promise<void> => {
    for (let batch = batches.pop(); batch !== undefined && failures.length === 0; batch = batches.pop()) {
      const [device, own] = batch;
      try {
        signal.throwIfAborted();
        const written = await applyToDevice(own, { store, signal, log });
        writes += written.writes;
        if (written.conflict) conflicts.push(device);
      } catch (error) {
        if (isFull(error)) {
          full.push(device);
          whyFull = error.message;
        } else if (error instanceof MessagingError && error.retry === "never") {
          refused.push(device);
          whyRefused ??= error.message;
          options.log.error("cannot write to a device", { device, error });
        } else failures.push(asError(error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(DEVICES_AT_ONCE, batches.length) }, worker));
  // Only when none is on its way any more: the next try must not meet this one's writes.
  const [failure] = failures;
  if (failure !== undefined) throw failure;
  return { writes, conflicts, refused, whyRefused, full: full.length === 0 ? null : { why: whyFull, devices: full } };
}

async function applyToDevice(
  steps: readonly DeviceStep[],
  { store, signal, log }: { store: ApplyOptions["store"]; signal: AbortSignal; log: Write },
): Promise<{ writes: number; conflict: boolean }> {
  const revisions = new Map<DeploymentName, number>();
  let writes = 0;
  const group = async (own: readonly DeviceStep[]): Promise<boolean> => {
    signal.throwIfAborted();
    const results = await Promise.allSettled(own.map((step) => write(step, revisions, store)));
    let ok = true;
    for (const [index, step] of own.entries()) {
      const result = results[index];
      if (result?.status !== "fulfilled" || !result.value.ok) {
        ok = false;
        continue;
      }
      writes += 1;
      if (step.kind === "put-score") revisions.set(step.deployment, result.value.revision);
      logStep(step, revisions, log);
    }
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw asError(failed.reason);
    return ok;
  };
  for (const kind of ["put-score", "put-manifest", "remove-score"] as const) {
    if (!(await group(steps.filter((step) => step.kind === kind)))) return { writes, conflict: true };
  }
  return { writes, conflict: false };
}

function write(step: DeviceStep, revisions: ReadonlyMap<DeploymentName, number>, store: ApplyOptions["store"]): Promise<WriteResult> {
  const { device, expectedRevision } = step;
  if (step.kind === "put-score")
    return store.putScore({ device, deployment: step.deployment, scoreString: step.scoreString, expectedRevision });
  if (step.kind === "remove-score") return store.removeScore({ device, deployment: step.deployment, expectedRevision });
  return store.putManifest({ device, manifest: withRevisions(step.manifest, step.follows, revisions), expectedRevision });
}

/** The manifest with the revisions that its new Scores were given. */
export function withRevisions(
  manifest: Manifest,
  follows: readonly DeploymentName[],
  revisions: ReadonlyMap<DeploymentName, number>,
): Manifest {
  const deployments = { ...manifest.deployments };
  for (const name of follows) {
    const entry = lookUp(deployments, name);
    const revision = revisions.get(name);
    if (entry !== undefined && revision !== undefined) deployments[name] = { ...entry, revision };
  }
  return { ...manifest, deployments };
}

/**
 * A manifest is what makes a change take effect. `revision` is the Score's, which the device
 * reports on.
 */
function logStep(step: DeviceStep, revisions: ReadonlyMap<DeploymentName, number>, log: Write): void {
  const { device } = step;
  if (step.kind === "remove-score") log("removed desired state", { device, deployment: step.deployment });
  if (step.kind !== "put-manifest") return;
  for (const deployment of step.follows) log("wrote desired state", { device, deployment, revision: revisions.get(deployment) });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** What NATS did not take, by its kind. */
export function unwrittenOf(applied: Applied): Unwritten[] {
  const { full, refused } = applied;
  const why = refusalText(applied);
  return [
    ...(full === null ? [] : [{ reason: "StoreFull" as const, ...full }]),
    ...(why === null ? [] : [{ reason: "ManifestTooLarge" as const, why, devices: refused }]),
  ];
}

/** With the cure; null: nothing was refused. */
export function refusalText({ refused, whyRefused }: Pick<Applied, "refused" | "whyRefused">): string | null {
  const [first, ...more] = refused;
  if (first === undefined || whyRefused === null) return null;
  const others = more.length === 0 ? "" : `, and so for ${more.length} more`;
  return `${whyRefused}${others}: let ${first} have fewer Deployments, as by putting several into one`;
}
