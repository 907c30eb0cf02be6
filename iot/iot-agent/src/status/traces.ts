// How the newest revision of each deployment came about on this device, from the manifest that
// names it to what runs: moments of the monotonic clock, which nobody sets. It lives as long as the
// process: a restart in between leaves that revision without a trace.

import type { Milestone } from "@harmony/core";
import { type Clock, systemClock } from "@harmony/runtime";
import type { DeploymentName, DeploymentReport, Trace } from "@iot/contracts";
import { classOfPhase } from "@iot/fleet";
import type { NamedRevision } from "../desired/desired-state.ts";
import type { WorkerReport } from "../reconcile/worker-report.ts";

interface UnderWay {
  readonly revision: number;
  readonly beganMs: number;
  readonly trace: Trace;
}

const MOMENT_OF = { fetched: "pulledMs", made: "createdMs", started: "startedMs" } as const satisfies Record<
  Milestone["kind"],
  keyof Trace
>;

export class Traces {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #underWay = new Map<DeploymentName, UnderWay>();

  constructor(clock: Pick<Clock, "monotonicMs"> = systemClock) {
    this.#clock = clock;
  }

  named(name: DeploymentName, { entry, writtenAt, readSinceMs }: NamedRevision): void {
    const { revision, committedAt, observedAt } = entry;
    const times = { ...(committedAt === undefined ? {} : { committedAt }), ...(observedAt === undefined ? {} : { observedAt }) };
    this.#underWay.set(name, { revision, beganMs: readSinceMs, trace: { ...times, writtenAt } });
  }

  received(name: DeploymentName, revision: number): void {
    this.#reach(name, revision, (atMs) => ({ readMs: atMs }));
  }

  /** The last of several counts. */
  reached(name: DeploymentName, revision: number, { kind, bytes }: Milestone): void {
    this.#reach(name, revision, (atMs, { bytesPulled = 0 }) => ({
      [MOMENT_OF[kind]]: atMs,
      ...(bytes === 0 ? {} : { bytesPulled: bytesPulled + bytes }),
    }));
  }

  /** It is healthy when it first runs, although it may be on trial then. */
  reported(name: DeploymentName, { report: { phase, reason }, desiredRevision, runningRevision }: WorkerReport): void {
    const isUp = phase === "Running" || reason === "OnTrial";
    if (!isUp || desiredRevision === null || runningRevision !== desiredRevision) return;
    this.#reach(name, desiredRevision, (atMs, { healthyMs }) => (healthyMs === undefined ? { healthyMs: atMs } : {}));
  }

  /** The trace that belongs to this report: it is the outcome of a revision, or a trouble on the way. */
  of(name: DeploymentName, report: DeploymentReport): Trace | undefined {
    const known = this.#underWay.get(name);
    if (known === undefined || report.desiredRevision !== known.revision) return undefined;
    const isDone = report.phase === "Running" && report.runningRevision === known.revision;
    if (isDone) this.#underWay.delete(name);
    if (!isDone && classOfPhase(report.phase) !== "trouble") return undefined;
    return { ...known.trace, endedMs: this.#sinceMs(known) };
  }

  forget(name: DeploymentName): void {
    this.#underWay.delete(name);
  }

  #reach(name: DeploymentName, revision: number, moment: (atMs: number, trace: Trace) => Trace): void {
    const known = this.#underWay.get(name);
    if (known?.revision !== revision) return;
    this.#underWay.set(name, { ...known, trace: { ...known.trace, ...moment(this.#sinceMs(known), known.trace) } });
  }

  #sinceMs({ beganMs }: UnderWay): number {
    return Math.round(this.#clock.monotonicMs() - beganMs);
  }
}
