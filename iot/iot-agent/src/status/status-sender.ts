// Keeps the current status and inventory at the server: the status on change and every
// interval, the inventory at the start and on change. Each write is acknowledged. What could not be
// sent is not kept in a queue, since the next status says it all. A transition goes out at once,
// progress at most once a second, because the link may be metered.

import type { Inventory } from "@harmony/core";
import { KeyedQueue, type Log } from "@harmony/runtime";
import { type DeviceInventory, type DeviceStatus, shownBoot, STATUS_EVERY_MS, STATUSES_PER_BOOT } from "@iot/contracts";
import { MessagingError, type StatusWriter } from "@iot/messaging/device";
import type { Handling } from "../systemd/watchdog.ts";
import type { FoundId, SharedId } from "./shared-id.ts";
import { fitStatus } from "./fit-status.ts";
import type { Change } from "./reports.ts";
import type { Reason } from "../desired/reasons.ts";

const DELAY_MS: Readonly<Record<Change, number>> = { transition: 50, detail: 1_000 };
const INVENTORY_EVERY_MS = 10 * 60_000;
/** Two devices that write one status by turns do so less often. */
const SHARED_STATUS_FACTOR = 10;
const SHARED_DELAY_MS = 10_000;
/** Longer than the agent waits for Podman's facts and for an acknowledgement of NATS. */
const WRITE_LIMIT_MS = 10 * 60_000;

export interface StatusSenderOptions {
  readonly statusIntervalMs: number;
  readonly log: Log;
  readonly status: () => DeviceStatus;
  readonly inventory: (signal: AbortSignal) => Promise<DeviceInventory>;
  readonly bootId: string;
  readonly sharedId: SharedId;
  /** What was found of another device with this id; null: there is none. */
  readonly onFound: (problem: FoundId["problem"]) => void;
  readonly inventoryEveryMs?: number;
}

export class StatusSender {
  readonly #options: StatusSenderOptions;
  readonly #queue: KeyedQueue<"status" | "inventory">;
  #writer: StatusWriter | null = null;
  #statuses = 0;
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
    this.#queue.addAfter("status", this.#options.sharedId.isShared ? SHARED_DELAY_MS : DELAY_MS[change]);
  }

  /** How long it is to the next status, if nothing changes. */
  statusEveryMs(): number {
    const { statusIntervalMs, sharedId } = this.#options;
    return statusIntervalMs * (sharedId.isShared ? SHARED_STATUS_FACTOR : 1);
  }

  handlings(): Handling[] {
    return this.#queue.running().map(({ key, sinceMs }) => ({ what: `writing the ${key}`, sinceMs, limitMs: WRITE_LIMIT_MS }));
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  async #sendStatus(signal: AbortSignal): Promise<number | null> {
    if (this.#writer === null) return null;
    const { status, cutSince } = fitStatus({ ...this.#options.status(), ...this.#boot() }, this.#cutSince);
    if (cutSince !== null && this.#cutSince === null) {
      this.#options.log.warn("the status is too large, so words and services are left out of it", {
        reason: "StatusTooLarge" satisfies Reason,
      });
    }
    this.#cutSince = cutSince;
    await this.#writer.putStatus(status, signal);
    this.#statuses += 1;
    this.#loggedError = "";
    return this.statusEveryMs();
  }

  /** On a link where fewer statuses are sent, one of ten says its boot. */
  #boot(): Pick<DeviceStatus, "boot"> {
    const { bootId, statusIntervalMs } = this.#options;
    const isSaid = statusIntervalMs <= STATUS_EVERY_MS || this.#statuses % STATUSES_PER_BOOT === 0;
    return isSaid ? { boot: shownBoot(bootId) } : {};
  }

  async #sendInventory(signal: AbortSignal): Promise<number | null> {
    if (this.#writer === null) return null;
    const inventory = await this.#options.inventory(signal);
    const text = JSON.stringify(inventory);
    const { sharedId, onFound, inventoryEveryMs = INVENTORY_EVERY_MS } = this.#options;
    const found = this.#sentInventory === "" ? null : sharedId.found(await this.#writer.readInventory(signal));
    if (found !== null) onFound(found.problem);
    if (text === this.#sentInventory && found?.isOther !== true) return inventoryEveryMs;
    await this.#writer.putInventory(inventory, signal);
    this.#sentInventory = text;
    return inventoryEveryMs;
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
