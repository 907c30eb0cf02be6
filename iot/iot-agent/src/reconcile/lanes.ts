// One lane a deployment: makes it on the Topology as the desired state says, through the variant of its Score, so that a slow pull holds
// up nobody. Knows no variant by name. A Score that cannot be applied (of an unknown type, or one that does not parse) is told as Rejected,
// and the one before it stays in force: kept up as if nothing had come, also after a power cut.

import { type BoundVariant, type Explanation, formatIssues, type Hold, type Workload, type WorkloadReport } from "@harmony/core";
import { backoffMs, type Clock, errorText, KeyedQueue, type Log, systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { type DeploymentName, Score } from "@iot/contracts";
import type { DesiredState } from "../desired/desired-state.ts";
import type { Problems } from "../status/problems.ts";
import type { DeploymentRecord, ScoreInHand } from "../desired/state-store.ts";
import { type LaneReport, withWrong } from "../status/status.ts";
import { formatOrigin, parseOrigin } from "../desired/origin.ts";
import type { Handling } from "../systemd/watchdog.ts";

const RETRY = { baseMs: 1_000, maxMs: 30_000 };
/**
 * What stands in the way is often gone in a moment: the network of a container that was just stopped holds its port for some milliseconds
 * more, and until the next try the service is down. So the first tries come quickly.
 */
const TROUBLE = { baseMs: 50, maxMs: 30_000 };

/** A person who asks for another try then does not wait for the end of this one. */
const SILENT_MS = 60_000;

/**
 * Longer than any time-out that a handling may wait for without telling anything: a pull that gets no byte (10 min) and a flush of a slow
 * card, a stop (a Score may ask for a day), a list.
 */
const LANE_LIMIT_MS = 40 * 60_000;
const STOP_LIMIT_MS = 25 * 3_600_000;
const RELIST_LIMIT_MS = 10 * 60_000;

export interface LanesOptions {
  readonly variants: readonly BoundVariant[];
  readonly desired: Pick<DesiredState, "names" | "record" | "trouble" | "accepted" | "removed" | "adopt">;
  readonly problems: Problems;
  readonly relistIntervalMs: number;
  readonly log: Log;
  readonly onReport: (name: DeploymentName, report: LaneReport) => void;
  readonly onRemoved: (name: DeploymentName) => void;
  /** What a person holds. */
  readonly holdOf: (name: DeploymentName) => Hold | null;
  readonly clock?: Clock;
}

export class Lanes {
  readonly #options: Required<LanesOptions>;
  readonly #queue: KeyedQueue<DeploymentName>;
  readonly #relist: KeyedQueue<"relist">;
  readonly #variants: ReadonlyMap<string, BoundVariant>;
  /** By variant: what the Topology carried at the last relist, and what was brought there since. */
  readonly #carried = new Map<BoundVariant, Map<string, Workload>>();
  readonly #reports = new Map<DeploymentName, WorkloadReport>();
  /** By the monotonic clock. */
  readonly #toldAtMs = new Map<DeploymentName, number>();
  readonly #attempts = new Map<DeploymentName, number>();

  constructor(options: LanesOptions) {
    const { variants, relistIntervalMs, log, clock = systemClock } = options;
    this.#options = { ...options, clock };
    this.#variants = new Map(variants.map((variant) => [variant.type, variant]));
    this.#queue = new KeyedQueue<DeploymentName>({
      handle: (name, signal) => this.#handle(name, signal),
      onError: (name, error) => this.#tellFault(name, error),
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
  }

  /** Looks at everything now, and again at each interval; sooner where a variant hints that something changed. */
  start(signal: AbortSignal): void {
    const { variants, desired } = this.#options;
    const staying = desired.names().filter((name) => desired.record(name)?.removing === false);
    for (const variant of variants) variant.expect(staying.filter((name) => this.#inForce(name)?.variant === variant));
    this.#lookAtAll();
    this.#relist.add("relist");
    for (const variant of variants) {
      void variant.watch((text) => {
        const name = desired.names().find((known) => known === text);
        if (name !== undefined) this.look(name, false);
      }, signal);
    }
  }

  look(name: DeploymentName, interrupt: boolean): void {
    if (interrupt) this.#attempts.delete(name);
    this.#queue.add(name, { interrupt });
  }

  async close(): Promise<void> {
    await Promise.all([this.#queue.close(), this.#relist.close()]);
  }

  /** What keeps its Score from being tried now is forgotten, and it is looked at. */
  async retry(name: DeploymentName, signal: AbortSignal): Promise<void> {
    this.#attempts.delete(name);
    const target = this.#inForce(name);
    if (target !== null) await target.variant.retry(name, signal);
    // What has not got anywhere for so long, as a pull without a byte, is broken off; what advances would only lose what it has.
    this.look(name, this.#options.clock.monotonicMs() - (this.#toldAtMs.get(name) ?? 0) > SILENT_MS);
  }

  /** What was seen of it and what is planned, with nothing applied; null: its Score is none that a variant could be asked about. */
  async explain(name: DeploymentName, signal: AbortSignal): Promise<Explanation | null> {
    const record = this.#options.desired.record(name);
    const target = this.#inForce(name);
    if (record === undefined || target === null) return null;
    const { variant, data, score } = target;
    const revision = formatOrigin({ revision: score.revision, source: record.entry.source });
    const desired = {
      name,
      revision,
      scoreString: score.scoreString,
      data: record.removing ? null : data,
      hold: this.#options.holdOf(name),
    };
    return variant.explain(desired, signal);
  }

  /** What is being handled now, and how long that may take without a word. */
  handlings(): Handling[] {
    const lanes = this.#queue.running().map(({ key, sinceMs }) => {
      const { phase } = this.#reports.get(key) ?? {};
      const limitMs = phase === "Stopping" || phase === "Removing" ? STOP_LIMIT_MS : LANE_LIMIT_MS;
      return { what: `deployment "${key}"`, sinceMs: Math.max(sinceMs, this.#toldAtMs.get(key) ?? 0), limitMs };
    });
    return [
      ...lanes,
      ...this.#relist.running().map(({ sinceMs }) => ({ what: "the list of what runs", sinceMs, limitMs: RELIST_LIMIT_MS })),
    ];
  }

  #inForce(name: DeploymentName): Target | null {
    const record = this.#options.desired.record(name);
    for (const score of [record?.score, record?.accepted]) {
      const resolved = score === undefined || score === null ? null : this.#resolve(score);
      if (resolved?.kind === "target") return resolved;
    }
    return null;
  }

  /** Also what the Topology alone says. */
  lookAtAll(): void {
    this.#relist.add("relist");
    this.#lookAtAll();
  }

  #lookAtAll(): void {
    for (const name of this.#options.desired.names()) this.look(name, false);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { variants, desired, problems } = this.#options;
    const failures: string[] = [];
    const all: Workload[] = [];
    for (const variant of variants) {
      try {
        const workloads = await variant.workloads(signal);
        this.#carried.set(variant, new Map(workloads.map((workload) => [workload.name, workload])));
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
        message: `cannot see what runs on this device, nothing is changed: ${failures.join("; ")}`,
      });
    this.#lookAtAll();
  }

  async #handle(name: DeploymentName, signal: AbortSignal): Promise<number | null> {
    const record = this.#options.desired.record(name);
    if (record === undefined) {
      this.#forget(name);
      return null;
    }
    if (record.removing) return this.#remove(name, record, signal);
    if (record.score === null) {
      this.#tell(name, record, plainReport("Pending", "Pending", "waiting for its Score"));
      return null;
    }
    const wanted = this.#resolve(record.score);
    if (wanted.kind === "target") {
      this.#options.desired.accepted(name);
      return this.#make(name, record, wanted, signal);
    }
    const before = record.accepted === undefined ? null : this.#resolve(record.accepted);
    if (before?.kind === "target") return this.#make(name, record, before, signal, wanted.report);
    const runs = [...this.#carried.values()].flatMap((workloads) => workloads.get(name) ?? [])[0];
    this.#tell(name, record, withWrong({ ...wanted.report, runningRevision: runs?.revision ?? null }, wanted.report));
    return null;
  }

  #resolve(score: ScoreInHand): Target | Rejection {
    const parsed = parseJson(Score, score.scoreString);
    if (!parsed.ok) return { kind: "rejection", report: plainReport("Rejected", "InvalidScore", formatIssues(parsed.issues)) };
    const { type, data } = parsed.value;
    const variant = this.#variants.get(type);
    if (variant === undefined) {
      const message = `this agent does not know the Score type "${type}" (it knows ${[...this.#variants.keys()].join(", ")})`;
      return { kind: "rejection", report: plainReport("Rejected", "UnknownScoreType", message) };
    }
    const report = variant.check(data);
    return report === null ? { kind: "target", variant, data, score } : { kind: "rejection", report };
  }

  /** `rejection`: of the Score in hand; the target is then the one before it, which is kept up. */
  async #make(
    name: DeploymentName,
    record: DeploymentRecord,
    target: Target,
    signal: AbortSignal,
    rejection?: WorkloadReport,
  ): Promise<number | null> {
    const { variant, data, score } = target;
    const left = await this.#removeFromOthers(name, record, variant, signal);
    if (left !== null) return this.#againAfterMs(name, left);
    const { scoreString } = score;
    const revision = formatOrigin({ revision: score.revision, source: record.entry.source });
    this.#carry(variant, { name, revision, scoreString });
    const tell = (report: WorkloadReport): void =>
      this.#tell(name, record, rejection === undefined ? report : withWrong(report, rejection));
    const report = await variant.reconcile(
      { name, revision, scoreString, data, hold: this.#options.holdOf(name) },
      { signal, onReport: tell },
    );
    if (report.runningRevision !== null) this.#carried.get(variant)?.set(name, { name, revision: report.runningRevision, scoreString });
    tell(report);
    return this.#againAfterMs(name, report);
  }

  /** A Score of another type took the name: what the old one made goes first. The report of one that is not done yet, or null. */
  async #removeFromOthers(
    name: DeploymentName,
    record: DeploymentRecord,
    variant: BoundVariant | null,
    signal: AbortSignal,
  ): Promise<WorkloadReport | null> {
    for (const other of this.#options.variants) {
      if (other === variant || this.#carried.get(other)?.has(name) !== true) continue;
      const report = await other.reconcile(
        { name, revision: originOf(record), scoreString: record.score?.scoreString ?? "", data: null, hold: null },
        { signal, onReport: (report) => this.#tell(name, record, report) },
      );
      this.#tell(name, record, report);
      if (!report.settled) return report;
      this.#carried.get(other)?.delete(name);
    }
    return null;
  }

  async #remove(name: DeploymentName, record: DeploymentRecord, signal: AbortSignal): Promise<number | null> {
    // Before the first list, what is carried is not known: the variants of the Scores in hand are asked in any case.
    for (const score of [record.score, record.accepted]) {
      const target = score ? this.#resolve(score) : null;
      if (target?.kind === "target")
        this.#carry(target.variant, { name, revision: originOf(record), scoreString: target.score.scoreString });
    }
    const left = await this.#removeFromOthers(name, record, null, signal);
    if (left !== null) return this.#againAfterMs(name, left);
    await this.#options.desired.removed(name);
    this.#forget(name);
    return null;
  }

  #carry(variant: BoundVariant, workload: Workload): void {
    const carried = this.#carried.get(variant) ?? new Map<string, Workload>();
    carried.set(workload.name, carried.get(workload.name) ?? workload);
    this.#carried.set(variant, carried);
  }

  #forget(name: DeploymentName): void {
    this.#reports.delete(name);
    this.#toldAtMs.delete(name);
    this.#attempts.delete(name);
    this.#options.onRemoved(name);
  }

  #againAfterMs(name: DeploymentName, report: WorkloadReport): number | null {
    const isTrouble = report.phase === "Blocked" || report.phase === "Failed";
    // On its way, and the variant knows when there may be news.
    if (!isTrouble && (report.settled || report.recheckAfterMs !== null)) {
      this.#attempts.delete(name);
      return report.recheckAfterMs;
    }
    const attempt = (this.#attempts.get(name) ?? 0) + 1;
    this.#attempts.set(name, attempt);
    // A look at what is lacking is cheap, and what was tried and failed names no time: that is given more and more.
    return Math.min(backoffMs(attempt, TROUBLE), report.recheckAfterMs ?? Infinity);
  }

  #tell(name: DeploymentName, record: DeploymentRecord, report: WorkloadReport): void {
    const { desired, onReport, clock } = this.#options;
    this.#reports.set(name, report);
    this.#toldAtMs.set(name, clock.monotonicMs());
    const trouble = record.removing ? undefined : desired.trouble(name);
    onReport(name, {
      report: trouble === undefined ? report : withWrong(report, trouble),
      desiredRevision: trouble === undefined ? (record.score?.revision ?? record.entry.revision) : record.entry.revision,
      runningRevision: report.runningRevision === null ? null : (parseOrigin(report.runningRevision)?.revision ?? null),
      source: record.entry.source,
      generation: record.entry.generation,
    });
  }

  /** The Topology did not answer, or a fault of ours: what was last seen of the deployment is told with it. */
  #tellFault(name: DeploymentName, error: unknown): void {
    const record = this.#options.desired.record(name);
    if (record === undefined) return;
    const last = this.#reports.get(name) ?? plainReport("Pending", "Pending", "");
    const message = `${errorText(error)}; nothing is changed, and it is tried again`;
    this.#tell(name, record, { ...last, phase: "Blocked", reason: "TopologyUnavailable", message, settled: false });
  }
}

function originOf({ entry, score }: DeploymentRecord): string {
  return formatOrigin({ revision: score?.revision ?? entry.revision, source: entry.source });
}

interface Target {
  readonly kind: "target";
  readonly variant: BoundVariant;
  readonly data: unknown;
  readonly score: ScoreInHand;
}

interface Rejection {
  readonly kind: "rejection";
  readonly report: WorkloadReport;
}

function plainReport(phase: WorkloadReport["phase"], reason: string, message: string): WorkloadReport {
  return { phase, reason, message, runningRevision: null, services: [], recheckAfterMs: null, settled: true };
}
