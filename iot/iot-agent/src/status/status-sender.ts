// Keeps the current status and inventory at the server: the status on change and every
// interval, the inventory at the start and on change. Each write is acknowledged. What could not be
// sent is not kept in a queue, since the next status says it all. A transition goes out at once,
// progress at most once a second, because the link may be metered.

import type { Inventory } from "@harmony/core";
import { KeyedQueue, type Log } from "@harmony/runtime";
import type { DeviceInventory, DeviceStatus } from "@iot/contracts";
import { MessagingError, type StatusWriter } from "@iot/messaging/device";
import type { Handling } from "../systemd/watchdog.ts";
import { fitStatus } from "./fit-status.ts";
import type { Change } from "./reports.ts";
import type { Reason } from "../desired/reasons.ts";

const DELAY_MS: Readonly<Record<Change, number>> = { transition: 50, detail: 1_000 };
const INVENTORY_EVERY_MS = 10 * 60_000;
/** Longer than the agent waits for Podman's facts and for an acknowledgement of NATS. */
const WRITE_LIMIT_MS = 10 * 60_000;

export interface StatusSenderOptions {
  readonly statusIntervalMs: number;
  readonly log: Log;
  readonly status: () => DeviceStatus;
  readonly inventory: (signal: AbortSignal) => Promise<DeviceInventory>;
}

export class StatusSender {
  readonly #options: StatusSenderOptions;
  readonly #queue: KeyedQueue<"status" | "inventory">;
  #writer: StatusWriter | null = null;
  #cutSince: string | null = null;
  #sentInventory = "";
  #loggedError = "";

  constructor(options: StatusSenderOptions) {
    this.#options = options;
    this.#queue = new KeyedQueue<"status" | "inventory">({
      handle: (what, signal) => (what === "status" ? this.#sendStatus(signal) : this.#sendInventory(signal)),
      onError: (what, error) => this.#logError(what, error),
      maxMs: options.statusIntervalMs,
    });
  }

  /** There is a connection now. Call again when it was lost and is back. */
  attach(writer: StatusWriter): void {
    this.#writer = writer;
    this.#queue.add("status");
    this.#queue.add("inventory");
  }

  changed(change: Change): void {
    this.#queue.addAfter("status", DELAY_MS[change]);
  }

  handlings(): Handling[] {
    return this.#queue.running().map(({ key, sinceMs }) => ({ what: `writing the ${key}`, sinceMs, limitMs: WRITE_LIMIT_MS }));
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  async #sendStatus(signal: AbortSignal): Promise<number | null> {
    if (this.#writer === null) return null;
    const { status, cutSince } = fitStatus(this.#options.status(), this.#cutSince);
    if (cutSince !== null && this.#cutSince === null) {
      this.#options.log.warn("the status is too large, so words and services are left out of it", {
        reason: "StatusTooLarge" satisfies Reason,
      });
    }
    this.#cutSince = cutSince;
    await this.#writer.putStatus(status, signal);
    this.#loggedError = "";
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

  /** The connection itself logs, once, that NATS is not reached. */
  #logError(what: string, error: unknown): void {
    if (error instanceof MessagingError && error.code === "NotConnected") return;
    const text = String(error);
    if (text === this.#loggedError) return;
    this.#loggedError = text;
    this.#options.log.warn(`cannot write the ${what}; trying again`, { error });
  }
}

export function toDeviceInventory(
  { capabilities, facts, disks, ...inventory }: Inventory,
  device: Pick<DeviceInventory, "device" | "agentVersion" | "bootId" | "labels" | "remote">,
): DeviceInventory {
  const listed = disks === undefined ? {} : { disks: disks.map((disk) => ({ ...disk })) };
  return { ...device, ...inventory, capabilities: [...capabilities], facts: { ...facts }, ...listed };
}
