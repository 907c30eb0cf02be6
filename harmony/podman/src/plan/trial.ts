// A new version is on trial until it has proved itself, if there is something to go back to. What the journal says of it at each turn: that
// it begins, that the device went down, that it failed and why. Pure; the records are written by steps of the plan.

import { MAX_DEVICE_FAILURES } from "./gate.ts";
import type { Application } from "../model/application.ts";
import { obstaclesToStarting } from "./host-obstacle.ts";
import { serviceOfName } from "../model/names.ts";
import { isUp } from "../model/container-state.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { JournalEntry } from "../model/step.ts";
import type { Failure, ScoreVersion, SwapRecord } from "../model/swap-record.ts";
import { goodOf, type Target } from "../model/target.ts";

export interface Entry {
  readonly record: SwapRecord;
  readonly why: JournalEntry;
}

/** What is gone back to if the target fails; null: nothing is known to be good, or the target is it. */
export function wayBack(target: Target, own: readonly Container[], record: SwapRecord): Target | null {
  if (target.kind !== "desired") return null;
  const good = record.good === null ? goodOfLabels(target, own) : goodOf(record, "rolled-back");
  return good === null || good.scoreString === target.scoreString ? null : good;
}

export function isOnTrial({ trial }: SwapRecord, { scoreString }: Pick<ScoreVersion, "scoreString">): boolean {
  return trial?.to.scoreString === scoreString;
}

/** The record in which the target is on trial and tried; the one there is if that says so already. */
export function openTrial(target: Target, from: Target, own: readonly Container[], snapshot: Snapshot): SwapRecord {
  const { record, device, nowMs } = snapshot;
  const { trial } = record;
  const { bootId } = device;
  if (trial !== null && isOnTrial(record, target))
    return trial.isAside ? { ...record, trial: { ...trial, isAside: false, bootId } } : record;
  const to = versionOf(target);
  // Also of a trial whose journal was lost: what was made for it is on trial since then.
  const made = own.filter(({ scoreString }) => scoreString === target.scoreString).map(({ createdAtMs }) => createdAtMs);
  const startedAt = new Date(made.length === 0 ? nowMs : Math.max(...made)).toISOString();
  return {
    ...record,
    good: versionOf(from),
    trial: { to, startedAt, bootId, deviceFailures: 0, resumedAt: null, failure: null, setback: null, isAside: false },
    verdict: null,
    crashes: {},
  };
}

/** What has to be recorded of a trial under way before anything else is decided. */
export function tellTrial(deployment: string, target: Target, snapshot: Snapshot): Entry | null {
  const { record, device, nowMs, containers, application } = snapshot;
  const { bootId } = device;
  const { trial } = record;
  if (trial === null || !isOnTrial(record, target)) return null;
  const { failure } = trial;
  if (failure !== null) {
    const service = target.score.services.find(({ name }) => name === failure.service);
    // What it needs went away while the old one was stopping: that may pass.
    if (service !== undefined && obstaclesToStarting({ service }, snapshot).length > 0) {
      return setAside({ ...record, trial: { ...trial, failure: null } });
    }
    const failed = containers.find(
      (one) =>
        one.deployment === deployment && one.scoreString === target.scoreString && serviceOfName(deployment, one.name) === failure.service,
    );
    return condemn({ deployment, target, failure, lastLines: failed?.lastLines ?? [], record, nowMs, application });
  }
  if (trial.bootId === bootId || trial.isAside) return null;
  const deviceFailures = trial.deviceFailures + 1;
  if (deviceFailures >= MAX_DEVICE_FAILURES) {
    const why = `the device went down ${deviceFailures} times while it was tried`;
    return condemn({
      deployment,
      target,
      failure: { service: "", reason: "DeviceWentDown", why },
      lastLines: [],
      record,
      nowMs,
      application,
    });
  }
  return {
    record: { ...record, trial: { ...trial, bootId, deviceFailures, resumedAt: new Date(nowMs).toISOString() } },
    why: "the device went down while the new version was tried",
  };
}

/** Something that may pass stands in its way. */
export function setAside(record: SwapRecord): Entry {
  return { record: { ...record, trial: record.trial && { ...record.trial, isAside: true } }, why: "the old version serves meanwhile" };
}

export function condemn(options: {
  readonly deployment: string;
  readonly target: Target;
  readonly failure: Failure;
  readonly lastLines: readonly string[];
  readonly record: SwapRecord;
  readonly nowMs: number;
  readonly application: Application;
}): Entry {
  const { deployment, target, failure, lastLines, record, nowMs, application } = options;
  const { services } = target.score;
  const failed = services.find(({ name }) => name === failure.service) ?? services[0];
  const of = services.length === 1 || failure.service === "" ? "" : ` of service "${failure.service}"`;
  const lines = lastLines.length === 0 ? "" : `; its last lines: ${lastLines.map((line) => line.slice(0, 200)).join(" | ")}`;
  const again = `it is not tried again until the deployment changes or a person asks: \`${application.program} retry ${deployment}\``;
  const message = `${failed?.image}${of} failed: ${failure.why}${lines}; ${again}`;
  const verdict = { of: versionOf(target), at: new Date(nowMs).toISOString(), reason: failure.reason, message };
  return { record: { ...record, trial: null, verdict }, why: "the new version has failed" };
}

/** Of a deployment whose journal is lost, or that is older than its journal: what else runs well was good. */
function goodOfLabels({ scoreString }: Target, own: readonly Container[]): Target | null {
  const others = own.filter((container) => container.scoreString !== scoreString);
  const latest = others.toSorted((a, b) => b.createdAtMs - a.createdAtMs)[0];
  const score = latest === undefined ? null : scoreOfLabel(latest.scoreString);
  if (latest === undefined || score === null || !others.every(looksGood)) return null;
  return { kind: "rolled-back", score, scoreString: latest.scoreString, revision: latest.revision };
}

function looksGood(container: Container): boolean {
  if (container.name.endsWith(".old")) return true;
  if (isUp(container)) return container.restarts === 0 && container.health !== "unhealthy";
  if (container.state === "created") return container.startedAtMs !== null;
  return container.stoppedByUser || container.exitCode === 0;
}

function versionOf({ revision, scoreString }: Target): ScoreVersion {
  return { revision, scoreString };
}
