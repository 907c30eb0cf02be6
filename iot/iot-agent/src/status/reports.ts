// What this device reports of each deployment now, and since when that is so. Each transition is
// logged once and said to the subscribers, who publish it and keep it. A try that ends in the same
// trouble as before is no transition.

import { EventEmitter } from "node:events";
import { KeyedQueue, type Log } from "@harmony/runtime";
import type { DeploymentName, DeploymentReport } from "@iot/contracts";
import { classOfPhase } from "@iot/fleet";
import type { WorkerReport } from "../reconcile/worker-report.ts";
import type { History } from "./history.ts";
import { type Advance, advance } from "./status.ts";

/** A deployment on its way is logged once, and again when it is still on its way after so long. */
const LASTING_MS = 2_000;
/**
 * Another try at what stood in the way is reported when it lasts: longer than Podman takes to find
 * that a registry is still away.
 */
const TRY_LASTS_MS = 15_000;

export type Change = Exclude<Advance["change"], "none">;

interface ReportsEvents {
  /** A report changed, came or went. */
  readonly changed: [change: Change];
  /** A person wants to hear of it, each one once. Null: the deployment is gone. */
  readonly transition: [name: DeploymentName, report: DeploymentReport | null, message: string];
}

export class Reports {
  readonly events = new EventEmitter<ReportsEvents>();
  readonly #log: Log;
  readonly #history: Pick<History, "last">;
  readonly #current = new Map<DeploymentName, DeploymentReport>();
  readonly #logged = new Map<DeploymentName, DeploymentReport>();
  readonly #lasting: KeyedQueue<DeploymentName>;
  /** What a try at something that is in trouble is doing, while it is not reported. */
  readonly #tries = new Map<DeploymentName, WorkerReport>();
  readonly #lastingTries: KeyedQueue<DeploymentName>;

  constructor(options: { readonly log: Log; readonly history: Pick<History, "last"> }) {
    this.#log = options.log;
    this.#history = options.history;
    this.#lasting = new KeyedQueue<DeploymentName>({
      handle: (name) => {
        if (isOnItsWay(this.#current.get(name))) this.#logReport(name);
        return Promise.resolve(null);
      },
      onError: () => undefined,
    });
    this.#lastingTries = new KeyedQueue<DeploymentName>({
      handle: (name) => {
        const attempt = this.#tries.get(name);
        if (attempt !== undefined) this.#take(name, attempt);
        return Promise.resolve(null);
      },
      onError: () => undefined,
    });
  }

  current(): ReadonlyMap<DeploymentName, DeploymentReport> {
    return this.#current;
  }

  /**
   * The same trouble found again is no news: neither its age nor its reason may be lost to the try
   * in between.
   */
  add(name: DeploymentName, said: WorkerReport): void {
    const last = this.#current.get(name);
    const isTry = last !== undefined && classOfPhase(last.phase) === "trouble" && isOnItsWay(said.report);
    if (isTry && said.report.phase !== "Removing" && last.desiredRevision === said.desiredRevision) {
      if (!this.#tries.has(name)) this.#lastingTries.addAfter(name, TRY_LASTS_MS);
      this.#tries.set(name, said);
    } else this.#take(name, said);
  }

  forget(name: DeploymentName): void {
    const last = this.#current.get(name);
    const isLogged = last !== undefined && this.#logged.get(name) === last;
    this.#logged.delete(name);
    this.#tries.delete(name);
    if (!this.#current.delete(name)) return;
    // The variant's own last word may name what outlives the deployment.
    const message = last?.phase === "Removing" ? last.message : "removed";
    if (!isLogged) this.#log.info(message, { deployment: name });
    this.events.emit("transition", name, null, message);
    this.events.emit("changed", "transition");
  }

  async close(): Promise<void> {
    await Promise.all([this.#lasting.close(), this.#lastingTries.close()]);
  }

  #take(name: DeploymentName, said: WorkerReport): void {
    this.#tries.delete(name);
    const before = this.#current.get(name);
    const { report, change } = advance(before, said, new Date().toISOString());
    if (change === "none") return;
    this.#current.set(name, before === undefined ? this.#since(name, report) : report);
    this.events.emit("changed", change);
    if (change === "transition") this.#logTransition(name);
  }

  /** What is as it was before a restart of the agent has been so since then. */
  #since(name: DeploymentName, report: DeploymentReport): DeploymentReport {
    const last = this.#history.last(name);
    return last?.phase === report.phase && last.reason === report.reason ? { ...report, since: last.at } : report;
  }

  /**
   * A swap goes through five phases in half a second. A person wants the first of them, the
   * outcome, and what takes its time.
   */
  #logTransition(name: DeploymentName): void {
    if (isOnItsWay(this.#current.get(name)) && isOnItsWay(this.#logged.get(name))) this.#lasting.addAfter(name, LASTING_MS);
    else this.#logReport(name);
  }

  #logReport(name: DeploymentName): void {
    const report = this.#current.get(name);
    if (report === undefined || report === this.#logged.get(name)) return;
    this.#logged.set(name, report);
    this.events.emit("transition", name, report, report.message);
    const { phase, reason, message, desiredRevision: revision } = report;
    this.#log[classOfPhase(phase) === "trouble" ? "warn" : "info"](message, {
      deployment: name,
      revision,
      phase,
      ...(reason === phase ? {} : { reason }),
    });
  }
}

/** A hold is a person's: it is no step on the way to anything. */
function isOnItsWay(report: Pick<DeploymentReport, "phase"> | undefined): boolean {
  return report !== undefined && report.phase !== "Held" && classOfPhase(report.phase) === "under-way";
}
