// One worker a deployment: it makes the deployment on the Topology as the desired state says,
// through the variant of its Score, so that a slow pull holds up nobody. It knows no variant by
// name. A Score that cannot be applied (of an unknown type, or one that does not parse) is reported
// as Rejected, and the one before it stays in force: kept up as if nothing had come, also after a
// power cut.

import { EventEmitter } from "node:events";
import type { BoundVariant, Desired, Explanation, Milestone, Workload, WorkloadReport } from "@harmony/core";
import { type Clock, errorText, KeyedQueue, type Log, systemClock } from "@harmony/runtime";
import type { DeploymentName } from "@iot/contracts";
import type { DesiredState } from "../desired/desired-state.ts";
import { formatOrigin, ownerOf, parseOrigin } from "../desired/origin.ts";
import type { Problems } from "../desired/problems.ts";
import { type DeploymentRecord, isNotNamed } from "../desired/state-store.ts";
import type { Handling } from "../systemd/watchdog.ts";
import { Carried } from "./carried.ts";
import type { Holds } from "./holds.ts";
import { ScoreResolver, type ResolvedScore } from "./resolve-score.ts";
import { nextLook } from "./retry-policy.ts";
import { type WorkerReport, whyItStays, withNotNamed, withWrong } from "./worker-report.ts";
import type { Reason } from "../desired/reasons.ts";

/** After a fault: the Topology does not answer, or the agent has a mistake. */
const RETRY = { baseMs: 1_000, maxMs: 30_000 };

/** A person who asks for another try then does not wait for the end of this one. */
const SILENT_MS = 60_000;

/**
 * Longer than any time-out that a handling may wait for without a report: a pull that gets no byte
 * (10 min) and a flush of a slow card, a stop (a Score may ask for a day), a list.
 */
const WORKER_LIMIT_MS = 40 * 60_000;
const STOP_LIMIT_MS = 25 * 3_600_000;
const RELIST_LIMIT_MS = 10 * 60_000;

export interface WorkersOptions {
  readonly variants: readonly BoundVariant[];
  readonly desired: Pick<DesiredState, "names" | "record" | "trouble" | "accepted" | "removed" | "adopt" | "events">;
  readonly holds: Pick<Holds, "get" | "forget" | "events">;
  readonly problems: Problems;
  readonly relistIntervalMs: number;
  readonly log: Log;
  readonly clock?: Clock;
}

export class Workers {
  readonly events = new EventEmitter<{
    reported: [DeploymentName, WorkerReport];
    /** On the way to a revision. */
    reached: [DeploymentName, revision: number, Milestone];
    removed: [DeploymentName];
  }>();
  readonly #options: Required<WorkersOptions>;
  readonly #queue: KeyedQueue<DeploymentName>;
  readonly #relist: KeyedQueue<"relist">;
  readonly #scores: ScoreResolver;
  readonly #carried = new Carried();
  readonly #reports = new Map<DeploymentName, WorkloadReport>();
  /** By the monotonic clock. */
  readonly #reportedAtMs = new Map<DeploymentName, number>();
  readonly #attempts = new Map<DeploymentName, number>();

  constructor(options: WorkersOptions) {
    const { variants, desired, holds, relistIntervalMs, log, clock = systemClock } = options;
    this.#options = { ...options, clock };
    this.#scores = new ScoreResolver(variants);
    this.#queue = new KeyedQueue<DeploymentName>({
      handle: (name, signal) => this.#handle(name, signal),
      onError: (name, error, _, failures) => this.#reportFault(name, error, failures),
      clock,
      ...RETRY,
    });
    this.#relist = new KeyedQueue<"relist">({
      handle: async (_, signal) => {
        await this.#list(signal);
        return relistIntervalMs;
      },
      onError: (_, error) => log.error("failed to list what runs", { error }),
      clock,
    });
    desired.events.on("changed", (name, isOutOfDate) => this.#look(name, isOutOfDate));
    holds.events.on("changed", (name) => this.#look(name, true));
  }

  /**
   * Looks at everything now, and again at each interval; sooner where a variant hints that
   * something changed.
   */
  start(signal: AbortSignal): void {
    const { variants, desired } = this.#options;
    const staying = desired.names().filter((name) => desired.record(name)?.removing === false);
    for (const variant of variants) variant.expect(staying.filter((name) => this.#inForce(name)?.variant === variant));
    this.#lookAtNamed();
    this.#relist.add("relist");
    for (const variant of variants) {
      void variant.watch((text) => {
        const name = desired.names().find((known) => known === text);
        if (name !== undefined) this.#look(name, false);
      }, signal);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#queue.close(), this.#relist.close()]);
  }

  /** Forgets what keeps its Score from being tried now, and looks at it. */
  async retry(name: DeploymentName, signal: AbortSignal): Promise<void> {
    this.#attempts.delete(name);
    await this.#inForce(name)?.variant.retry(name, signal);
    // A try that has been silent for so long, such as a pull without a byte, is broken off. One
    // that advances would only lose what it has.
    this.#look(name, this.#options.clock.monotonicMs() - (this.#reportedAtMs.get(name) ?? 0) > SILENT_MS);
  }

  /** What waits for a program at work waits no longer, and is looked at. */
  switchNow(name: DeploymentName): void {
    this.#inForce(name)?.variant.switchNow(name);
    this.#look(name, false);
  }

  /** Observes and plans, and applies nothing. Null: no variant can be asked about its Score. */
  async explain(name: DeploymentName, signal: AbortSignal): Promise<Explanation | null> {
    const record = this.#options.desired.record(name);
    const target = this.#inForce(name);
    if (record === undefined || target === null) return null;
    const desired = this.#desiredOf(name, record, target);
    return target.variant.explain(record.removing ? { ...desired, data: null } : desired, signal);
  }

  /** Null: none can be asked about its Score. */
  variantOf(name: DeploymentName): BoundVariant | null {
    return this.#inForce(name)?.variant ?? null;
  }

  /** Work under way, and how long it may take without a report. */
  handlings(): Handling[] {
    const workers = this.#queue.running().map(({ key, sinceMs }) => {
      const { phase } = this.#reports.get(key) ?? {};
      const limitMs = phase === "Stopping" || phase === "Removing" ? STOP_LIMIT_MS : WORKER_LIMIT_MS;
      return { what: `deployment "${key}"`, sinceMs: Math.max(sinceMs, this.#reportedAtMs.get(key) ?? 0), limitMs };
    });
    return [
      ...workers,
      ...this.#relist.running().map(({ sinceMs }) => ({ what: "the list of what runs", sinceMs, limitMs: RELIST_LIMIT_MS })),
    ];
  }

  /** Lists what the Topology carries, too. */
  lookAtAll(): void {
    this.#relist.add("relist");
    this.#lookAtNamed();
  }

  #lookAtNamed(): void {
    for (const name of this.#options.desired.names()) this.#look(name, false);
  }

  /** `isOutOfDate`: the work under way for it is broken off. */
  #look(name: DeploymentName, isOutOfDate: boolean): void {
    if (isOutOfDate) this.#attempts.delete(name);
    this.#queue.add(name, { interrupt: isOutOfDate });
  }

  #inForce(name: DeploymentName): ResolvedScore | null {
    return this.#scores.inForce(this.#options.desired.record(name));
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { variants, desired, problems } = this.#options;
    const failures: string[] = [];
    const all: Workload[] = [];
    for (const variant of variants) {
      try {
        const workloads = await variant.workloads(signal);
        this.#carried.listed(variant, workloads);
        all.push(...workloads);
      } catch (error) {
        signal.throwIfAborted();
        failures.push(errorText(error));
      }
    }
    await desired.adopt(all);
    if (failures.length === 0) problems.clear("topology");
    else
      problems.set("topology", {
        reason: "TopologyUnavailable",
        message: `cannot see what runs on this device, nothing is changed: ${failures.join("; ")}; see \`iot-agent doctor\``,
      });
    this.#lookAtNamed();
  }

  async #handle(name: DeploymentName, signal: AbortSignal): Promise<number | null> {
    const record = this.#options.desired.record(name);
    if (record === undefined) {
      this.#forget(name);
      return null;
    }
    if (record.removing) return this.#remove(name, record, signal);
    if (record.score === null) {
      this.#report(name, record, pending("waiting for its Score"));
      return null;
    }
    const wanted = this.#scores.resolve(record.score);
    if (wanted.kind === "target") {
      this.#options.desired.accepted(name);
      return this.#make(name, record, wanted, signal);
    }
    const before = this.#scores.inForce(record);
    if (before !== null) return this.#make(name, record, before, signal, wanted.report);
    this.#report(name, record, withWrong({ ...wanted.report, runningRevision: this.#carried.revisionOf(name) }, wanted.report));
    return null;
  }

  /**
   * `rejection`: why the Score in hand is not made. The target is then the one before it, which is
   * kept up.
   */
  async #make(
    name: DeploymentName,
    record: DeploymentRecord,
    target: ResolvedScore,
    signal: AbortSignal,
    rejection?: WorkloadReport,
  ): Promise<number | null> {
    const { variant } = target;
    const left = await this.#removeFromOthers(name, record, variant, signal);
    if (left !== null) return this.#againAfterMs(name, left);
    const desired = this.#desiredOf(name, record, target);
    this.#carried.begin(variant, name, desired.revision);
    const onReport = (report: WorkloadReport): void =>
      this.#report(name, record, rejection === undefined ? report : withWrong(report, rejection));
    const onMilestone = (milestone: Milestone): void => void this.events.emit("reached", name, target.score.revision, milestone);
    const report = await variant.reconcile(desired, { signal, onReport, onMilestone });
    if (report.runningRevision !== null) this.#carried.running(variant, name, report.runningRevision);
    onReport(report);
    return this.#againAfterMs(name, report);
  }

  #desiredOf(name: DeploymentName, record: DeploymentRecord, { score, data }: ResolvedScore): Desired<unknown> {
    const revision = formatOrigin({ revision: score.revision, source: record.entry.source });
    return { name, revision, ...ownedBy(record), scoreString: score.scoreString, data, hold: this.#options.holds.get(name) };
  }

  /**
   * A Score of another type may have taken the name: what the old one made is removed first.
   * Returns the report of a removal that is not done yet, or null.
   */
  async #removeFromOthers(
    name: DeploymentName,
    record: DeploymentRecord,
    variant: BoundVariant | null,
    signal: AbortSignal,
  ): Promise<WorkloadReport | null> {
    for (const other of this.#options.variants) {
      if (other === variant || !this.#carried.has(other, name)) continue;
      const report = await other.reconcile(
        { name, revision: originOf(record), ...ownedBy(record), scoreString: record.score?.scoreString ?? "", data: null, hold: null },
        { signal, onReport: (report) => this.#report(name, record, report) },
      );
      this.#report(name, record, report);
      if (!report.settled) return report;
      this.#carried.gone(other, name);
    }
    return null;
  }

  async #remove(name: DeploymentName, record: DeploymentRecord, signal: AbortSignal): Promise<number | null> {
    // What is carried is not known before the first list, so the variants of the Scores in hand are
    // asked in any case.
    for (const { variant } of this.#scores.targets(record)) this.#carried.begin(variant, name, originOf(record));
    const left = await this.#removeFromOthers(name, record, null, signal);
    if (left !== null) return this.#againAfterMs(name, left);
    await this.#options.desired.removed(name);
    this.#forget(name);
    return null;
  }

  #forget(name: DeploymentName): void {
    this.#reports.delete(name);
    this.#reportedAtMs.delete(name);
    this.#attempts.delete(name);
    this.events.emit("removed", name);
    void this.#options.holds.forget(name);
  }

  #againAfterMs(name: DeploymentName, report: WorkloadReport): number | null {
    const { afterMs, attempts } = nextLook(report, this.#attempts.get(name) ?? 0);
    if (attempts === 0) this.#attempts.delete(name);
    else this.#attempts.set(name, attempts);
    return afterMs;
  }

  #report(name: DeploymentName, record: DeploymentRecord, report: WorkloadReport): void {
    const { desired, clock } = this.#options;
    this.#reports.set(name, report);
    this.#reportedAtMs.set(name, clock.monotonicMs());
    const trouble = record.removing ? undefined : desired.trouble(name);
    const isStaying = !record.removing && isNotNamed(record);
    const troubled = trouble === undefined ? report : withWrong(report, trouble);
    const revision = trouble === undefined ? (record.score?.revision ?? record.entry.revision) : record.entry.revision;
    this.events.emit("reported", name, {
      report: isStaying ? withNotNamed(troubled, whyItStays({ name, was: record.was })) : troubled,
      desiredRevision: isStaying ? null : revision,
      runningRevision: report.runningRevision === null ? null : (parseOrigin(report.runningRevision)?.revision ?? null),
      source: record.entry.source,
      generation: record.entry.generation,
    });
  }

  /**
   * The Topology did not answer, or the agent has a mistake. What was last seen is reported with
   * it. A fault that is over at the next try, as when Podman's service is started again, is none.
   */
  #reportFault(name: DeploymentName, error: unknown, failures: number): void {
    const record = this.#options.desired.record(name);
    if (record === undefined || (failures === 1 && this.#reports.has(name))) return;
    const last = this.#reports.get(name) ?? pending("");
    const message = `${errorText(error)}; nothing is changed, and it is tried again; see \`iot-agent doctor\``;
    this.#report(name, record, { ...last, phase: "Blocked", reason: "TopologyUnavailable" satisfies Reason, message, settled: false });
  }
}

function originOf({ entry, score }: DeploymentRecord): string {
  return formatOrigin({ revision: score?.revision ?? entry.revision, source: entry.source });
}

function ownedBy({ entry }: DeploymentRecord): Pick<Desired<unknown>, "owner"> {
  const owner = ownerOf(entry);
  return owner === undefined ? {} : { owner };
}

function pending(message: string): WorkloadReport {
  return {
    phase: "Pending",
    reason: "Pending" satisfies Reason,
    message,
    runningRevision: null,
    services: [],
    recheckAfterMs: null,
    settled: true,
  };
}
