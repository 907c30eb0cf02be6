// The operator's loop: observe the bucket, read the source, plan, apply, and observe again until nothing is left to write; and beside
// it, once a second at most, tell the source what the devices report. The bucket is always observed before the source is read, and
// every write carries what was observed: so an operator that was held up can never put an older reading over a newer one.
// What to write is plan.ts's, what is told is aggregate.ts's.

import { type Clock, KeyedQueue, type Log, systemClock } from "@harmony/runtime";
import type { DesiredStateSnapshot, DesiredStateStore, StatusEntry, StatusStore } from "@iot/messaging";
import { apply } from "./apply.ts";
import { RemovalConsent } from "./mass-removal.ts";
import { ABANDONED_AFTER_MS, type DesiredStatePlan, plan } from "./plan.ts";
import { Reporter } from "./reporter.ts";
import type { CompleteSnapshot, Source } from "./source.ts";
import type { Vitals } from "./vitals.ts";

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
const UNREADABLE_AGAIN_MS = 15_000;
/** A bucket that changes under every pass is looked at again a moment later rather than chased. */
const MAX_PASSES = 8;

export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { source, desired, status, vitals, log, clock = systemClock } = options;
  const ended = new AbortController();
  const reporter = new Reporter({ sourceId: source.id, clock });
  const consent = new RemovalConsent(options.confirmMassRemoval);
  const orphans = new Map<string, number>();
  let remembered: CompleteSnapshot | null = null;
  let sourceChanged = true;

  const queue = new KeyedQueue<"reconcile" | "report">({
    handle: (key, signal) => (key === "reconcile" ? reconcile(signal) : report(signal)),
    onError: (key, error, retryAfterMs) => {
      vitals.failures += 1;
      log.warn(key === "reconcile" ? "failed to bring the bucket in step" : "failed to report", { error, retryAfterMs });
    },
    maxMs: 15_000,
    clock,
  });

  let nextReportMs = 0;
  let reportWanted = false;
  const untilReportMs = (): number => Math.max(0, nextReportMs - clock.monotonicMs());
  const wantReport = (): void => {
    reportWanted = true;
    queue.addAfter("report", untilReportMs());
  };

  async function reconcile(signal: AbortSignal): Promise<number | null> {
    for (let pass = 1; pass <= MAX_PASSES; pass += 1) {
      const observed = await desired.observe(signal);
      // What is remembered tells only whether there is anything to do: what is written comes from a reading made after this observation.
      if (remembered !== null && !sourceChanged) {
        const idle = planFor(remembered, observed);
        if (idle.steps.length === 0) return settle(remembered, observed, idle);
      }
      const snapshot = await readSource(signal);
      if (snapshot === null) return UNREADABLE_AGAIN_MS;
      const next = planFor(snapshot, observed);
      vitals.passes += 1;
      if (next.steps.length === 0) return settle(snapshot, observed, next);
      const startedMs = clock.monotonicMs();
      const applied = await apply(next.steps, { store: desired, signal, log });
      vitals.writes += applied.writes;
      vitals.conflicts += applied.conflicts.length;
      log.info("brought the bucket in step", {
        writes: applied.writes,
        conflicts: applied.conflicts.length,
        version: snapshot.version,
        ms: Math.round(clock.monotonicMs() - startedMs),
      });
    }
    return 1_000;
  }

  async function readSource(signal: AbortSignal): Promise<CompleteSnapshot | null> {
    // Before the reading: a hint that comes meanwhile counts again.
    sourceChanged = false;
    try {
      const snapshot = await source.read(signal);
      if (snapshot.kind === "complete") {
        vitals.lastSourceReadAtMs = clock.now();
        vitals.sourceVersion = snapshot.version;
        if (vitals.sourceProblem !== null && snapshot.problem === undefined)
          log.info("the source is followed again", { version: snapshot.version });
        vitals.sourceProblem = snapshot.problem ?? null;
        remembered = snapshot;
        return snapshot;
      }
      sourceChanged = true;
      if (vitals.sourceProblem !== snapshot.message)
        log.error("cannot read the source; everything stays as it is", {
          source: source.id,
          reason: snapshot.reason,
          why: snapshot.message,
        });
      vitals.sourceProblem = snapshot.message;
      return null;
    } catch (error) {
      sourceChanged = true;
      throw error;
    }
  }

  function planFor(snapshot: CompleteSnapshot, observed: DesiredStateSnapshot): DesiredStatePlan {
    const nowMs = clock.monotonicMs();
    const abandoned = new Set([...orphans].filter(([, sinceMs]) => nowMs - sinceMs >= ABANDONED_AFTER_MS).map(([key]) => key));
    const planned = plan({
      sourceId: source.id,
      source: snapshot,
      desired: observed,
      reported: reporter.reported(),
      mayRemove: (mass) => consent.allows(mass),
      abandoned,
    });
    const still = new Set(planned.orphans);
    for (const key of orphans.keys()) if (!still.has(key)) orphans.delete(key);
    for (const key of still) if (!orphans.has(key)) orphans.set(key, nowMs);
    const held = planned.massRemoval?.message ?? null;
    if (held !== null && held !== vitals.massRemoval) log.error("removals wait to be confirmed", { reason: "MassRemoval", why: held });
    vitals.massRemoval = held;
    return planned;
  }

  function settle(snapshot: CompleteSnapshot, observed: DesiredStateSnapshot, planned: DesiredStatePlan): number | null {
    vitals.deployments = snapshot.deployments.length;
    vitals.devices = observed.manifests.size;
    vitals.foreignKeys = observed.foreignKeys.length;
    vitals.inStep = true;
    reporter.settle({ source: snapshot, desired: observed, plan: planned });
    wantReport();
    return planned.recheckAfterMs;
  }

  async function report(signal: AbortSignal): Promise<number> {
    nextReportMs = clock.monotonicMs() + REPORT_EVERY_MS;
    reportWanted = false;
    const told = reporter.tell();
    if (told !== null) await source.report(told.results, told.removed, signal);
    return reportWanted ? untilReportMs() : REPORT_UNASKED_MS;
  }

  const heard = (entry: StatusEntry): void => {
    if (reporter.hear(entry)) queue.add("reconcile");
    wantReport();
  };
  await status.watch(heard, ended.signal, (device) => reporter.forget(device));
  desired.onChange(() => queue.add("reconcile"));
  const watching = source.watch(() => {
    sourceChanged = true;
    queue.add("reconcile");
  }, ended.signal);
  watching.catch((error: unknown) => {
    if (!ended.signal.aborted) log.error("the source is no longer watched", { error });
  });
  queue.add("reconcile");
  return {
    resync: () => queue.add("reconcile"),
    async close() {
      ended.abort(new Error("shutting down"));
      await queue.close();
      await Promise.allSettled([watching]);
    },
  };
}
