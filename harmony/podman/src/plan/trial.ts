// A new version is on trial until it has proved itself, if there is a version to go back to. This
// file makes the journal's record of it at each turn: that it begins, that it stands by, that it
// failed and why. Pure; stages decide when (follow-trial.ts), steps write it.

import type { Application } from "../model/application.ts";
import type { Outcome } from "@harmony/core";
import { isUp } from "../model/container-state.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { JournalEntry, Step } from "../model/step.ts";
import type { Failure, ScoreVersion, SwapRecord } from "../model/swap-record.ts";
import { goodOf, type Target } from "../model/target.ts";

export interface Entry {
  readonly record: SwapRecord;
  readonly why: JournalEntry;
}

export function journal(deployment: string, { record, why }: Entry): Step {
  return { kind: "journal", deployment, record, why };
}

/**
 * The version to go back to if the target fails; null: none is known to be good, or the target is
 * it.
 */
export function wayBack(target: Target, own: readonly Container[], record: SwapRecord): Target | null {
  if (target.kind !== "desired") return null;
  const good = record.good === null ? goodOfLabels(target, own) : goodOf(record, "rolled-back");
  return good === null || good.scoreString === target.scoreString ? null : good;
}

export function isOnTrial({ trial }: SwapRecord, { scoreString }: Pick<ScoreVersion, "scoreString">): boolean {
  return trial?.to.scoreString === scoreString;
}

/**
 * The record in which the target is on trial and tried; the present one if that says so already.
 */
export function openTrial(target: Target, from: Target, own: readonly Container[], snapshot: Snapshot): SwapRecord {
  const { device, nowMs } = snapshot;
  const { waiting: _, ...record } = snapshot.record;
  const { trial } = record;
  const { bootId } = device;
  if (trial !== null && isOnTrial(record, target))
    return trial.isAside ? { ...record, trial: { ...trial, isAside: false, bootId } } : snapshot.record;
  const to = versionOf(target);
  // A trial whose journal was lost counts from the time when its last container was made.
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

/** Something that may pass stands in its way: it stands by until it is tried again. */
export function standBy(record: SwapRecord): Entry {
  return { record: { ...record, trial: record.trial && { ...record.trial, isAside: true } }, why: "the old version serves meanwhile" };
}

/** It has failed, and is not tried again. */
export function markBad(options: {
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

/** The record of a failed start during the trial; null: it says nothing about the trial. */
export function recordFailure(record: SwapRecord, outcome: Outcome, nowMs: number): SwapRecord | null {
  const { trial } = record;
  // Damage is repaired before the next try.
  if (trial === null || !("reason" in outcome) || outcome.reason === "ImageDamaged") return null;
  const { subject: service, reason, message, detail = "" } = outcome;
  if (outcome.kind === "blocked") {
    const setback = { service, reason, why: message, at: new Date(nowMs).toISOString(), count: (trial.setback?.count ?? 0) + 1 };
    return { ...record, trial: { ...trial, setback, isAside: true } };
  }
  if (reason !== "StartFailed") return null;
  return { ...record, trial: { ...trial, failure: { service, reason, why: `it could not be started: ${detail}` } } };
}

/**
 * Where the journal is lost, or the deployment is older than its journal, another version that runs
 * well counts as good.
 */
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
