// The operator's loop: observe the bucket and the record of removals, read the source, plan what
// changed, apply, and observe again until nothing is left to write; and beside it, once a second
// at most, report to the source what the devices say. The buckets are observed before the source is
// read, and every write carries what was observed: an operator that was held up never puts an older
// reading over a newer one. plan/ says what to write, @iot/fleet what is said of a Deployment.

import { type Clock, errorText, KeyedQueue, type Log, systemClock } from "@harmony/runtime";
import type { Asked, Audit, DesiredStateStore, KnownDevices, SourceRecords, StatusEntry, StatusStore } from "@iot/messaging";
import type { OperatorAnswer } from "@iot/contracts";
import { type Applied, apply, isFull, refusalText, unwrittenOf } from "./apply/apply.ts";
import { NextPlan, type Observed, type Planned, standingBehind } from "./next-plan.ts";
import { otherCluster, unheardOwners } from "./plan/ownership.ts";
import type { DesiredStatePlan } from "./plan/plan.ts";
import { blockedByStore } from "./plan/unwritten.ts";
import type { RemovalRecord } from "./plan/removals/record.ts";
import { heldText, lostText } from "./plan/removals/words.ts";
import { type ObservedRecord, RecordKeeper } from "./record/record-keeper.ts";
import { Reporter } from "./report/reporter.ts";
import type { CompleteSnapshot, Source } from "./sources/source.ts";
import { whyNotAllFollowed } from "./sources/why-not-all-followed.ts";
import { sourceProblem, storeProblem, type Health, writeProblem } from "./http/health.ts";

export interface OperatorOptions {
  readonly source: Source;
  readonly desired: DesiredStateStore;
  readonly status: StatusStore;
  readonly records: SourceRecords;
  readonly audit: Audit;
  readonly devices: KnownDevices;
  readonly health: Health;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface Operator {
  /** Something may have changed that is not the source: the connection was away. */
  resync(): void;
  /** What a person asks for. */
  answer(asked: Asked): Promise<OperatorAnswer>;
  close(): Promise<void>;
}

const REPORT_EVERY_MS = 1_000;
/** Devices go offline, and deadlines pass, without any event. */
const REPORT_UNASKED_MS = 5_000;
/** When what stands in the way may have gone without a hint. */
const AGAIN_MS = 15_000;
const SOON_MS = 1_000;
/**
 * How the source is followed is written down when it changed: silence is to be read within 15 s.
 */
const STATE_EVERY_MS = 2_000;
/** What the source refused to do to its objects. */
const CLAIM_AGAIN_MS = 5_000;
/** A bucket that changes under every pass is looked at again a moment later rather than chased. */
const MAX_PASSES = 8;

/** @throws MessagingError when the devices' status cannot be read; nothing is left running then. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const loop = new Loop(options);
  await loop.start();
  return loop;
}

type Key = "reconcile" | "report" | "state";

const DEEDS: Readonly<Record<Key, string>> = {
  reconcile: "failed to bring the bucket in step",
  report: "failed to report",
  state: "failed to write down how the source is followed",
};

class Loop implements Operator {
  readonly #options: OperatorOptions;
  readonly #clock: Clock;
  readonly #queue: KeyedQueue<Key>;
  readonly #reporter: Reporter;
  readonly #keeper: RecordKeeper;
  readonly #ended = new AbortController();
  readonly #next: NextPlan;
  /** Why an object could not be claimed or released, by uid. */
  #unclaimed: ReadonlyMap<string, string> = new Map();
  /** Ids of sources that own what this one asks for. */
  #wants: ReadonlySet<string> = new Set();
  #remembered: CompleteSnapshot | null = null;
  #sourceChanged = true;
  #unreadable: string | null = null;
  #nextReportMs = 0;
  #reportWanted = false;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: OperatorOptions) {
    const { source, log, health, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#next = new NextPlan(() => clock.monotonicMs());
    this.#reporter = new Reporter({ sourceId: source.id, clock });
    this.#keeper = new RecordKeeper(options);
    this.#queue = new KeyedQueue({
      handle: (key, signal) => this.#handle(key, signal),
      onError: (key, error, retryAfterMs) => {
        health.failures += 1;
        const why = `${DEEDS[key]}: ${errorText(error)}`;
        if (key === "reconcile") health.passProblem = why;
        else if (key === "report") health.reportProblem = why;
        log.warn(DEEDS[key], { error, retryAfterMs });
      },
      // Servers that elect a leader refuse for seconds, and take all again without a sign.
      maxMs: 2_000,
      clock,
    });
  }

  async start(): Promise<void> {
    const { source, desired, status, records, health, log } = this.#options;
    const { signal } = this.#ended;
    if (source.health !== undefined) health.sourceHealth = () => source.health?.() ?? null;
    health.bucketProblem = () => status.problem() ?? desired.problem() ?? records.problem();
    await status.watch(
      (entry) => this.#hear(entry),
      signal,
      (device) => this.#reporter.forget(device),
    );
    desired.onChange(() => this.resync());
    records.onChange(() => this.resync());
    this.#watching = source.watch(() => {
      this.#sourceChanged = true;
      this.resync();
    }, signal);
    this.#watching.catch((error: unknown) => {
      if (!signal.aborted) log.error("the source is no longer watched", { error });
    });
    this.resync();
    this.#queue.addAfter("state", STATE_EVERY_MS);
  }

  #handle(key: Key, signal: AbortSignal): Promise<number | null> {
    if (key === "reconcile") return this.#reconcile(signal);
    return key === "report" ? this.#report(signal) : this.#writeState(signal);
  }

  resync(): void {
    this.#queue.add("reconcile");
  }

  async answer(asked: Asked): Promise<OperatorAnswer> {
    const { verb } = asked;
    if (verb === "state") return this.#state(asked.request.source);
    const isShutOut = this.#options.health.ownerProblem !== null;
    const answer = await this.#keeper.answer({ ...asked, verb }, { wants: this.#wants, isShutOut });
    if (answer.done) this.resync();
    return answer;
  }

  /** By word of mouth, for a store that is full does not take it. */
  #state(source: string | undefined): OperatorAnswer {
    const { health, source: own } = this.#options;
    return { source: own.id, done: source === own.id, message: storeProblem(health) ?? "" };
  }

  async close(): Promise<void> {
    this.#ended.abort(new Error("shutting down"));
    await this.#queue.close();
    await Promise.allSettled([this.#watching]);
  }

  async #reconcile(signal: AbortSignal): Promise<number | null> {
    const { desired, health, source } = this.#options;
    for (let pass = 1; pass <= MAX_PASSES; pass += 1) {
      const observing = desired.view(signal).then((view) => this.#next.observe(view));
      const [observed, own] = await Promise.all([observing, this.#keeper.observe(signal)]);
      health.ownerProblem = otherCluster(source, own.state);
      if (health.ownerProblem !== null) return AGAIN_MS;
      // Before anything is written: whose the source is.
      if (own.state === null && (await this.#putState(own))) continue;
      const leftMs = this.#idleForMs(own);
      if (leftMs !== null) return leftMs;
      // What is known without asking says only whether there is anything to do.
      const known = this.#planKnown(observed, own);
      if (known?.planned.steps.length === 0) return this.#settle(known, own);
      const isStill = known?.kind === "part" && (await source.isStill?.(standingBehind(known), signal)) === true;
      const snapshot = isStill ? known.source : await this.#readSource(signal, own.record.followed);
      if (snapshot === null) {
        this.#queue.add("state");
        return AGAIN_MS;
      }
      // What is written comes from a reading made after this observation.
      const next = isStill ? known : this.#plan(snapshot, observed, own);
      if (next === null) {
        this.#next.lookAtAll();
        continue;
      }
      health.passes += 1;
      if (next.planned.steps.length === 0) {
        this.#setUnclaimed(new Map());
        return this.#settle(next, own);
      }
      const applied = await this.#apply(next.planned, own, signal);
      const isStuck = applied.writes + applied.conflicts.length + applied.claims === 0 && applied.record === null;
      if (isStuck && next.kind === "part") this.#next.lookAtAll();
      if (!isStuck || next.kind === "part") continue;
      const waiting = unwrittenOf(applied).flatMap((one) => blockedByStore(next.planned, next.desired, one));
      this.#settle({ ...next, planned: { ...next.planned, blocked: [...next.planned.blocked, ...waiting] } }, own);
      return applied.unclaimed.size > 0 ? CLAIM_AGAIN_MS : AGAIN_MS;
    }
    return SOON_MS;
  }

  async #apply({ steps, orphans }: DesiredStatePlan, own: ObservedRecord, signal: AbortSignal): Promise<Applied> {
    const { desired, source, health, log } = this.#options;
    const startedMs = this.#clock.monotonicMs();
    this.#next.wake();
    const applied = await apply(steps, {
      store: desired,
      orphans: new Set(orphans),
      putRecord: (record, expectedRevision) => this.#keeper.putRecord(own.record, record, expectedRevision),
      carryOut: (ownerSteps, acting) => source.carryOut(ownerSteps, acting),
      signal,
      log,
    });
    const { writes, conflicts, refused, full, record, unclaimed } = applied;
    if (full !== null && health.unwritten === null) log.error("the store is full", { devices: full.devices.length, why: full.why });
    health.unwritten = full?.why ?? null;
    health.refused = refusalText(applied);
    health.refusedDevices = refused.length;
    health.writes += writes;
    health.conflicts += conflicts.length;
    this.#setUnclaimed(unclaimed);
    const ms = Math.round(this.#clock.monotonicMs() - startedMs);
    const fields = { writes, conflicts: conflicts.length, refused: refused.length, version: health.sourceVersion, ms };
    if (writes + conflicts.length + refused.length > 0 || record === "conflict") log.info("brought the bucket in step", fields);
    return applied;
  }

  #setUnclaimed(unclaimed: ReadonlyMap<string, string>): void {
    const { health } = this.#options;
    this.#unclaimed = unclaimed;
    const [first] = unclaimed.values();
    health.claimProblem = first === undefined ? null : `${unclaimed.size} of the source's objects: ${first}`;
  }

  async #readSource(signal: AbortSignal, followed: string | null): Promise<CompleteSnapshot | null> {
    const { source, health, log } = this.#options;
    // Before the reading: a hint that comes meanwhile counts again.
    this.#sourceChanged = false;
    try {
      const snapshot = await source.read(signal, followed);
      if (snapshot.kind === "unreadable") {
        const { reason, message: why } = snapshot;
        this.#sourceChanged = true;
        // By its reason: git's own words may differ each time (`after 3 ms`).
        if (this.#unreadable !== reason) log.error("cannot read the source; everything stays as it is", { source: source.id, reason, why });
        this.#unreadable = reason;
        health.sourceProblem = why;
        health.sourceReadable = false;
        return null;
      }
      this.#take(snapshot);
      return snapshot;
    } catch (error) {
      this.#sourceChanged = true;
      throw error;
    }
  }

  #take(snapshot: CompleteSnapshot): void {
    const { health, log } = this.#options;
    const { version } = snapshot;
    const problem = whyNotAllFollowed(snapshot);
    if (health.sourceProblem !== null && problem === null) log.info("the source is followed again", { version });
    health.lastSourceReadAtMs = this.#clock.now();
    health.sourceVersion = version;
    health.sourceProblem = problem;
    health.sourceReadable = true;
    this.#unreadable = null;
    this.#remembered = snapshot;
  }

  /** Of what was read last, or of what the source has heard since. null: it is to be read. */
  #planKnown(observed: Observed, own: ObservedRecord): Planned | null {
    if (!this.#sourceChanged) return this.#remembered === null ? null : this.#plan(this.#remembered, observed, own);
    const isFollowed = this.#unreadable === null && this.#options.health.sourceProblem === null;
    const heard = isFollowed ? (this.#options.source.recall?.() ?? null) : null;
    const planned = heard === null ? null : this.#plan(heard, observed, own);
    if (heard === null || planned?.kind !== "part") return null;
    this.#sourceChanged = false;
    this.#take(heard);
    return planned;
  }

  #plan(source: CompleteSnapshot, observed: Observed, own: ObservedRecord): Planned | null {
    const { id, formerIds = [] } = this.#options.source;
    const input = {
      sourceId: id,
      formerIds,
      adopts: new Set(own.state?.adopts),
      source,
      reported: this.#reporter.reported(),
      removals: { record: own.record, revision: own.revision, nowMs: own.nowMs },
      unclaimed: this.#unclaimed,
      isStoreFull: storeProblem(this.#options.health) !== null,
    };
    return this.#next.plan(input, observed);
  }

  /** Nothing is left that could be written. */
  #settle(settled: Planned, own: ObservedRecord): number {
    const { health } = this.#options;
    const { planned, source } = settled;
    // What waits to be freed keeps the store full.
    if (planned.steps.length === 0 && planned.orphans.length === 0) health.unwritten = null;
    if (planned.steps.length === 0) Object.assign(health, { refused: null, refusedDevices: 0 });
    this.#reportRemovals(planned.removals.record);
    const { desired, againMs } = this.#next.settle(settled, own);
    health.deployments = source.deployments.length;
    health.devices = desired.manifests.size;
    health.foreignKeys = desired.foreignKeys.length;
    health.inStep = true;
    health.passProblem = null;
    health.otherOwners = unheardOwners(planned.compiled, own.states, own.nowMs);
    this.#wants = new Set([...planned.compiled.conflicts.values()].flat().map(({ holder }) => holder.source));
    if (planned.removals.isUndecided) this.#sourceChanged = true;
    this.#reporter.settle({ source, desired, plan: planned }, settled.kind === "part" ? settled.devices : null);
    this.#wantReport();
    this.#queue.add("state");
    return againMs;
  }

  #reportRemovals(record: RemovalRecord): void {
    const { health, log } = this.#options;
    const held = heldText(record);
    if (held !== null && held !== health.held) {
      log.error("removals are held", { reason: "RemovalHeld", why: held });
      // Whoever deleted it looks now.
      this.#nextReportMs = 0;
    }
    const lost = lostText(record);
    if (lost !== null && lost !== health.lost) log.warn("entries are lost, and stay on the devices", { reason: "RemovalLost", why: lost });
    Object.assign(health, { held, lost, heldRemovals: record.held.length, lostEntries: record.lost.length });
  }

  /** Own writes, and what others wrote before the last pass, ask for nothing. */
  #idleForMs(own: ObservedRecord): number | null {
    const { health } = this.#options;
    const idle = this.#sourceChanged ? null : this.#next.idleFor(own);
    if (idle === null) return null;
    health.passProblem = null;
    health.otherOwners = unheardOwners(idle.compiled, own.states, own.nowMs);
    return idle.leftMs;
  }

  /** Beside the loop, which may wait for a source that is silent. */
  async #writeState(signal: AbortSignal): Promise<number> {
    const own = await this.#keeper.observe(signal);
    if (own.state !== null && otherCluster(this.#options.source, own.state) === null) await this.#putState(own);
    return STATE_EVERY_MS;
  }

  /** Whether somebody else was faster. */
  async #putState(own: ObservedRecord): Promise<boolean> {
    const { health } = this.#options;
    const problem = sourceProblem(health) ?? storeProblem(health) ?? health.refused ?? writeProblem(health);
    try {
      const result = await this.#keeper.putState(own, { version: health.sourceVersion, problem });
      if (result !== null) health.unsaid = null;
      return result?.ok === false;
    } catch (error) {
      if (isFull(error)) health.unsaid = error.message;
      throw error;
    }
  }

  #hear(entry: StatusEntry): void {
    const device = this.#reporter.hear(entry);
    if (device !== null) {
      this.#next.mark(device);
      this.resync();
    }
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
    const results = this.#reporter.results();
    if (results !== null) await this.#options.source.report(results, signal);
    this.#options.health.reportProblem = null;
    const isMore = this.#reportWanted || this.#options.source.isBehind?.() === true;
    return isMore ? this.#untilReportMs() : REPORT_UNASKED_MS;
  }
}
