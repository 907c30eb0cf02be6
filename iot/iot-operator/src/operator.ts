// The operator's loop: observe the bucket, read the source, plan, apply, and observe again until nothing is left to write; and beside
// it, once a second at most, tell the source what the devices report. The bucket is always observed before the source is read, and
// every write carries what was observed: so an operator that was held up can never put an older reading over a newer one.
// What to write is plan.ts's, what is told is @iot/fleet's.

import { type Clock, errorText, KeyedQueue, type Log, systemClock } from "@harmony/runtime";
import type { DesiredStateSnapshot, DesiredStateStore, StatusEntry, StatusStore } from "@iot/messaging";
import { apply } from "./apply/apply.ts";
import { RemovalConsent } from "./plan/mass-removal.ts";
import { ABANDONED_AFTER_MS, type DesiredStatePlan, plan } from "./plan/plan.ts";
import { Reporter } from "./report/reporter.ts";
import type { CompleteSnapshot, Source } from "./sources/source.ts";
import type { Vitals } from "./http/vitals.ts";

export interface OperatorOptions {
  readonly source: Source;
  readonly desired: DesiredStateStore;
  readonly status: StatusStore;
  readonly vitals: Vitals;
  readonly log: Log;
  /** Of the message that held removals back; undefined: nothing is confirmed. */
  readonly confirmMassRemoval?: string | undefined;
  readonly clock?: Clock;
}

export interface Operator {
  /** Something may have changed that is not the source: the connection was away. */
  resync(): void;
  close(): Promise<void>;
}

const REPORT_EVERY_MS = 1_000;
/** Devices go offline, and deadlines pass, without any event. */
const REPORT_UNASKED_MS = 5_000;
/** When what stands in the way may have gone without a hint. */
const AGAIN_MS = 15_000;
const SOON_MS = 1_000;
/** A bucket that changes under every pass is looked at again a moment later rather than chased. */
const MAX_PASSES = 8;

/** @throws MessagingError when the devices' status cannot be read; nothing is left running then. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const loop = new Loop(options);
  await loop.start();
  return loop;
}

class Loop implements Operator {
  readonly #options: OperatorOptions;
  readonly #clock: Clock;
  readonly #queue: KeyedQueue<"reconcile" | "report">;
  readonly #reporter: Reporter;
  readonly #consent: RemovalConsent;
  readonly #ended = new AbortController();
  /** When each Score that no manifest names was first seen. */
  readonly #orphans = new Map<string, number>();
  #remembered: CompleteSnapshot | null = null;
  #sourceChanged = true;
  #unreadable: string | null = null;
  #nextReportMs = 0;
  #reportWanted = false;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: OperatorOptions) {
    const { source, log, vitals, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#reporter = new Reporter({ sourceId: source.id, clock });
    this.#consent = new RemovalConsent(options.confirmMassRemoval);
    this.#queue = new KeyedQueue({
      handle: (key, signal) => (key === "reconcile" ? this.#reconcile(signal) : this.#report(signal)),
      onError: (key, error, retryAfterMs) => {
        vitals.failures += 1;
        const why = `failed to ${key === "reconcile" ? "bring the bucket in step" : "report"}: ${errorText(error)}`;
        if (key === "reconcile") vitals.passProblem = why;
        else vitals.reportProblem = why;
        log.warn(key === "reconcile" ? "failed to bring the bucket in step" : "failed to report", { error, retryAfterMs });
      },
      maxMs: 15_000,
      clock,
    });
  }

  async start(): Promise<void> {
    const { source, desired, status, vitals, log } = this.#options;
    const { signal } = this.#ended;
    vitals.bucketProblem = () => status.problem() ?? desired.problem();
    // First: what the devices have says how much a first pass would take away.
    await status.watch(
      (entry) => this.#hear(entry),
      signal,
      (device) => this.#reporter.forget(device),
    );
    desired.onChange(() => this.resync());
    this.#watching = source.watch(() => {
      this.#sourceChanged = true;
      this.resync();
    }, signal);
    this.#watching.catch((error: unknown) => {
      if (!signal.aborted) log.error("the source is no longer watched", { error });
    });
    this.resync();
  }

  resync(): void {
    this.#queue.add("reconcile");
  }

  async close(): Promise<void> {
    this.#ended.abort(new Error("shutting down"));
    await this.#queue.close();
    await Promise.allSettled([this.#watching]);
  }

  async #reconcile(signal: AbortSignal): Promise<number | null> {
    const { desired, vitals, log } = this.#options;
    for (let pass = 1; pass <= MAX_PASSES; pass += 1) {
      const observed = await desired.observe(signal);
      // What is remembered tells only whether there is anything to do: what is written comes from a reading made after this observation.
      if (this.#remembered !== null && !this.#sourceChanged) {
        const idle = this.#plan(this.#remembered, observed);
        if (idle.steps.length === 0) return this.#settle(this.#remembered, observed, idle);
      }
      const snapshot = await this.#readSource(signal);
      if (snapshot === null) return AGAIN_MS;
      const next = this.#plan(snapshot, observed);
      vitals.passes += 1;
      if (next.steps.length === 0) return this.#settle(snapshot, observed, next);
      const startedMs = this.#clock.monotonicMs();
      const { writes, conflicts, refused } = await apply(next.steps, { store: desired, signal, log });
      vitals.writes += writes;
      vitals.conflicts += conflicts.length;
      const ms = Math.round(this.#clock.monotonicMs() - startedMs);
      log.info("brought the bucket in step", {
        writes,
        conflicts: conflicts.length,
        refused: refused.length,
        version: snapshot.version,
        ms,
      });
      if (writes === 0 && conflicts.length === 0) {
        this.#settle(snapshot, observed, next);
        return AGAIN_MS;
      }
    }
    return SOON_MS;
  }

  async #readSource(signal: AbortSignal): Promise<CompleteSnapshot | null> {
    const { source, vitals, log } = this.#options;
    // Before the reading: a hint that comes meanwhile counts again.
    this.#sourceChanged = false;
    try {
      const snapshot = await source.read(signal);
      if (snapshot.kind === "unreadable") {
        const { reason, message: why } = snapshot;
        this.#sourceChanged = true;
        // By its reason: git's own words may differ each time (`after 3 ms`).
        if (this.#unreadable !== reason) log.error("cannot read the source; everything stays as it is", { source: source.id, reason, why });
        this.#unreadable = reason;
        vitals.sourceProblem = why;
        vitals.sourceReadable = false;
        return null;
      }
      const { version, problem = null } = snapshot;
      if (vitals.sourceProblem !== null && problem === null) log.info("the source is followed again", { version });
      vitals.lastSourceReadAtMs = this.#clock.now();
      vitals.sourceVersion = version;
      vitals.sourceProblem = problem;
      vitals.sourceReadable = true;
      this.#unreadable = null;
      this.#remembered = snapshot;
      return snapshot;
    } catch (error) {
      this.#sourceChanged = true;
      throw error;
    }
  }

  #plan(source: CompleteSnapshot, observed: DesiredStateSnapshot): DesiredStatePlan {
    const { vitals, log } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    const abandoned = new Set([...this.#orphans].filter(([, sinceMs]) => nowMs - sinceMs >= ABANDONED_AFTER_MS).map(([key]) => key));
    const planned = plan({
      sourceId: this.#options.source.id,
      source,
      desired: observed,
      reported: this.#reporter.reported(),
      mayRemove: (mass) => this.#consent.allows(mass),
      abandoned,
    });
    const still = new Set(planned.orphans);
    for (const key of this.#orphans.keys()) if (!still.has(key)) this.#orphans.delete(key);
    for (const key of still) if (!this.#orphans.has(key)) this.#orphans.set(key, nowMs);
    const held = planned.massRemoval?.message ?? null;
    if (held !== null && held !== vitals.massRemoval) log.error("removals wait to be confirmed", { reason: "MassRemoval", why: held });
    vitals.massRemoval = held;
    return planned;
  }

  /** Nothing is left that could be written. */
  #settle(source: CompleteSnapshot, observed: DesiredStateSnapshot, planned: DesiredStatePlan): number | null {
    const { vitals } = this.#options;
    vitals.deployments = source.deployments.length;
    vitals.devices = observed.manifests.size;
    vitals.foreignKeys = observed.foreignKeys.length;
    vitals.inStep = true;
    vitals.passProblem = null;
    this.#reporter.settle({ source, desired: observed, plan: planned });
    this.#wantReport();
    return planned.recheckAfterMs;
  }

  #hear(entry: StatusEntry): void {
    if (this.#reporter.hear(entry)) this.resync();
    this.#wantReport();
  }

  #wantReport(): void {
    this.#reportWanted = true;
    this.#queue.addAfter("report", this.#untilReportMs());
  }

  #untilReportMs(): number {
    return Math.max(0, this.#nextReportMs - this.#clock.monotonicMs());
  }

  async #report(signal: AbortSignal): Promise<number> {
    this.#nextReportMs = this.#clock.monotonicMs() + REPORT_EVERY_MS;
    this.#reportWanted = false;
    const told = this.#reporter.tell();
    if (told !== null) await this.#options.source.report(told.results, told.removed, signal);
    this.#options.vitals.reportProblem = null;
    return this.#reportWanted ? this.#untilReportMs() : REPORT_UNASKED_MS;
  }
}
