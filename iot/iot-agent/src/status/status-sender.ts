// Keeps the current status and inventory and sees that the server has them: the status on change and every interval, the inventory at
// the start and on change. Each write is acknowledged; what could not be sent is not kept in a queue, since the next status says it
// all. A change of phase goes out at once, progress at most once a second, because the link may be metered.

import { EventEmitter } from "node:events";
import type { Inventory, Phase } from "@harmony/core";
import { KeyedQueue, type Log } from "@harmony/runtime";
import type { DeploymentName, DeploymentReport, DeviceInventory, DeviceStatus } from "@iot/contracts";
import { MessagingError, type StatusWriter } from "@iot/messaging/device";
import { fitStatus } from "./fit-status.ts";
import { advance, type WorkerReport } from "./status.ts";
import type { Handling } from "../systemd/watchdog.ts";

const TRANSITION_DELAY_MS = 50;
const DETAIL_DELAY_MS = 1_000;
/** A deployment on its way is told once; what it is at after so long, again. */
const LASTING_MS = 2_000;
/** Another try at what stood in the way is told when it gets somewhere: longer than Podman takes to find that a registry is still away. */
const TRY_LASTS_MS = 15_000;
const INVENTORY_EVERY_MS = 10 * 60_000;
/** Longer than Podman's facts and NATS' acknowledgement are waited for. */
const WRITE_LIMIT_MS = 10 * 60_000;

export interface StatusSenderOptions {
  readonly statusIntervalMs: number;
  readonly log: Log;
  readonly status: (deployments: ReadonlyMap<DeploymentName, DeploymentReport>) => DeviceStatus;
  readonly inventory: (signal: AbortSignal) => Promise<DeviceInventory>;
  /** Since when a deployment is in this phase for this reason, from before the agent started. */
  readonly remembered?: (name: DeploymentName) => Remembered | undefined;
}

export interface Remembered {
  /** As it was written, perhaps by a newer agent. */
  readonly phase: string;
  readonly reason: string;
  readonly since: string;
}

interface StatusEvents {
  /** A transition that a person wants to hear of, each one once; null: the deployment is gone. */
  readonly transition: [name: DeploymentName, report: DeploymentReport | null, message: string];
  /** Anything that is told of the deployments changed. */
  readonly changed: [];
}

export class StatusSender {
  readonly events = new EventEmitter<StatusEvents>();
  readonly #options: StatusSenderOptions;
  readonly #queue: KeyedQueue<"status" | "inventory">;
  readonly #deployments = new Map<DeploymentName, DeploymentReport>();
  readonly #logged = new Map<DeploymentName, DeploymentReport>();
  readonly #lasting: KeyedQueue<DeploymentName>;
  /** What a try at something that is in trouble is doing, untold. */
  readonly #tries = new Map<DeploymentName, WorkerReport>();
  readonly #lastingTries: KeyedQueue<DeploymentName>;
  #writer: StatusWriter | null = null;
  #cutSince: string | null = null;
  #sentInventory = "";
  #toldError = "";

  constructor(options: StatusSenderOptions) {
    this.#options = options;
    this.#queue = new KeyedQueue<"status" | "inventory">({
      handle: (what, signal) => (what === "status" ? this.#sendStatus(signal) : this.#sendInventory(signal)),
      onError: (what, error) => this.#tellError(what, error),
      maxMs: options.statusIntervalMs,
    });
    this.#lasting = new KeyedQueue<DeploymentName>({
      handle: (name) => {
        if (isOnItsWay(this.#deployments.get(name))) this.#log(name);
        return Promise.resolve(null);
      },
      onError: () => undefined,
    });
    this.#lastingTries = new KeyedQueue<DeploymentName>({
      handle: (name) => {
        const attempt = this.#tries.get(name);
        if (attempt !== undefined) this.#tellNow(name, attempt);
        return Promise.resolve(null);
      },
      onError: () => undefined,
    });
  }

  /** There is a connection now; call again when it was lost and is back. */
  attach(writer: StatusWriter): void {
    this.#writer = writer;
    this.#queue.add("status");
    this.#queue.add("inventory");
  }

  /** The same trouble found again is no news: neither its age nor its reason may be lost to the try in between. */
  tell(name: DeploymentName, said: WorkerReport): void {
    const last = this.#deployments.get(name);
    const isTry = last !== undefined && TROUBLE.has(last.phase) && ON_ITS_WAY.has(said.report.phase);
    if (isTry && said.report.phase !== "Removing" && last.desiredRevision === said.desiredRevision) {
      if (!this.#tries.has(name)) this.#lastingTries.addAfter(name, TRY_LASTS_MS);
      this.#tries.set(name, said);
    } else this.#tellNow(name, said);
  }

  #tellNow(name: DeploymentName, said: WorkerReport): void {
    this.#tries.delete(name);
    const before = this.#deployments.get(name);
    const { report: told, change } = advance(before, said, new Date().toISOString());
    if (change === "none") return;
    const report = before === undefined ? this.#since(name, told) : told;
    this.#deployments.set(name, report);
    this.events.emit("changed");
    if (change === "transition") this.#logTransition(name);
    this.#queue.addAfter("status", change === "transition" ? TRANSITION_DELAY_MS : DETAIL_DELAY_MS);
  }

  /** After a restart of the agent what is as it was is so since then. */
  #since(name: DeploymentName, report: DeploymentReport): DeploymentReport {
    const last = this.#options.remembered?.(name);
    return last?.phase === report.phase && last.reason === report.reason ? { ...report, since: last.since } : report;
  }

  deployments(): ReadonlyMap<DeploymentName, DeploymentReport> {
    return this.#deployments;
  }

  forget(name: DeploymentName): void {
    const last = this.#deployments.get(name);
    const isTold = last !== undefined && this.#logged.get(name) === last;
    this.#logged.delete(name);
    this.#tries.delete(name);
    if (!this.#deployments.delete(name)) return;
    // The variant's own last word may name what outlives the deployment.
    const message = last?.phase === "Removing" ? last.message : "removed";
    if (!isTold) this.#options.log.info(message, { deployment: name });
    this.events.emit("transition", name, null, message);
    this.events.emit("changed");
    this.#queue.addAfter("status", TRANSITION_DELAY_MS);
  }

  /** Something beside the deployments changed. */
  changed(): void {
    this.#queue.addAfter("status", TRANSITION_DELAY_MS);
  }

  handlings(): Handling[] {
    return this.#queue.running().map(({ key, sinceMs }) => ({ what: `writing the ${key}`, sinceMs, limitMs: WRITE_LIMIT_MS }));
  }

  async close(): Promise<void> {
    await Promise.all([this.#queue.close(), this.#lasting.close(), this.#lastingTries.close()]);
  }

  async #sendStatus(signal: AbortSignal): Promise<number | null> {
    if (this.#writer === null) return null;
    const { status, cutSince } = fitStatus(this.#options.status(this.#deployments), this.#cutSince);
    if (cutSince !== null && this.#cutSince === null) {
      this.#options.log.warn("the status is too large, so words and services are left out of it", { reason: "StatusTooLarge" });
    }
    this.#cutSince = cutSince;
    await this.#writer.putStatus(status, signal);
    this.#toldError = "";
    return this.#options.statusIntervalMs;
  }

  async #sendInventory(signal: AbortSignal): Promise<number | null> {
    if (this.#writer === null) return null;
    const inventory = await this.#options.inventory(signal);
    const text = JSON.stringify(inventory);
    if (text === this.#sentInventory) return INVENTORY_EVERY_MS;
    await this.#writer.putInventory(inventory, signal);
    this.#sentInventory = text;
    return INVENTORY_EVERY_MS;
  }

  /** That NATS is not reached is told once, by the connection itself. */
  #tellError(what: string, error: unknown): void {
    if (error instanceof MessagingError && error.code === "NotConnected") return;
    const text = String(error);
    if (text === this.#toldError) return;
    this.#toldError = text;
    this.#options.log.warn(`cannot write the ${what}; trying again`, { error });
  }

  /** A swap goes through five phases in half a second: the first of them and the outcome are of interest, and what takes its time. */
  #logTransition(name: DeploymentName): void {
    if (isOnItsWay(this.#deployments.get(name)) && isOnItsWay(this.#logged.get(name))) this.#lasting.addAfter(name, LASTING_MS);
    else this.#log(name);
  }

  #log(name: DeploymentName): void {
    const report = this.#deployments.get(name);
    if (report === undefined || report === this.#logged.get(name)) return;
    this.#logged.set(name, report);
    this.events.emit("transition", name, report, report.message);
    const { phase, reason, message, desiredRevision: revision } = report;
    this.#options.log[TROUBLE.has(phase) ? "warn" : "info"](message, {
      deployment: name,
      revision,
      phase,
      ...(reason === phase ? {} : { reason }),
    });
  }
}

const ON_ITS_WAY: ReadonlySet<string> = new Set<Phase>(["Pending", "Pulling", "Starting", "Stopping", "Removing"]);
const TROUBLE: ReadonlySet<string> = new Set<Phase>(["Degraded", "RolledBack", "Failed", "Rejected", "Blocked"]);

function isOnItsWay(report: DeploymentReport | undefined): boolean {
  return report !== undefined && ON_ITS_WAY.has(report.phase);
}

export function toDeviceInventory(
  inventory: Inventory,
  device: Pick<DeviceInventory, "device" | "agentVersion" | "bootId" | "labels">,
): DeviceInventory {
  return { ...device, architecture: inventory.architecture, capabilities: [...inventory.capabilities], facts: { ...inventory.facts } };
}
