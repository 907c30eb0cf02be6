// Keeps a Device object for each device that ever reported: hears what devices say and what the
// bucket has for them, and looks at the devices concerned, one by one. What is to be done is
// plan-device.ts's, how much at once write-pace.ts's. A status costs the plan of its one device.

import { type Clock, errorText, KeyedQueue, type Log, systemClock } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import type { DesiredStateStore, InventoryStore, StatusEntry, StatusStore } from "@iot/messaging";
import type { DeviceObject, DeviceObjects } from "../sources/device-objects.ts";
import { KnownDevices } from "./known-devices.ts";
import { planDevice, type DeviceStep } from "./plan-device.ts";
import { WritePace } from "./write-pace.ts";

export interface DevicesOptions {
  readonly objects: DeviceObjects;
  readonly status: StatusStore;
  readonly inventory: InventoryStore;
  readonly desired: DesiredStateStore;
  /** Labels that a device's approval gave it. */
  readonly labels?: (device: DeviceId) => Readonly<Record<string, string>>;
  readonly log: Log;
  /** Why objects cannot be written; null: all can. */
  readonly onProblem: (why: string | null) => void;
  readonly clock?: Clock;
}

export interface Devices {
  /** The operator's own store, which tells this one what it hears. */
  readonly status: StatusStore;
  /** All that devices say, and what they are to have, was heard. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const AT_ONCE = 16;
/** The objects, or their definition, are not known yet. */
const AGAIN_MS = 2_000;
const RIGHTS = "the rights that the operator needs: kubectl apply -f iot/deploy/operator.yaml";

export function followDevicesOf(options: DevicesOptions): Devices {
  return new DevicesLoop(options);
}

class DevicesLoop implements Devices {
  readonly #options: DevicesOptions;
  readonly #clock: Clock;
  readonly #known: KnownDevices;
  readonly #queue: KeyedQueue<DeviceId>;
  readonly #pace = new WritePace<DeviceId>();
  readonly #writtenMs = new Map<DeviceId, number>();
  /** Whose object could not be written when it was tried last, and why. */
  readonly #failed = new Map<DeviceId, string>();
  readonly #ended = new AbortController();
  readonly status: StatusStore;
  #isStarted = false;

  constructor(options: DevicesOptions) {
    const { log, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#known = new KnownDevices(clock);
    this.#queue = new KeyedQueue<DeviceId>({
      handle: (device, signal) => this.#look(device, signal),
      onError: (device, error, retryAfterMs) => {
        this.#fail(device, errorText(error));
        log.debug("failed to write a Device", { device, error, retryAfterMs });
      },
      concurrency: AT_ONCE,
      clock,
    });
    this.status = heardToo(options.status, {
      hear: (entry) => this.#take(entry.device, () => this.#known.hear(entry)),
      lose: (device) => this.#take(device, () => this.#known.loseStatus(device)),
    });
  }

  async start(): Promise<void> {
    const { inventory, desired, objects } = this.#options;
    const { signal } = this.#ended;
    const hearing = inventory.watch(
      (entry) => this.#take(entry.device, () => this.#known.hearInventory(entry)),
      signal,
      (device) => this.#take(device, () => this.#known.loseInventory(device)),
    );
    await Promise.all([hearing, desired.observe(signal)]);
    desired.onChange((device) => device !== null && this.#add(device));
    objects.onChange((device) => this.#add(device));
    this.#isStarted = true;
    for (const device of new Set([...this.#known.devices(), ...objects.devices()])) this.#add(device);
  }

  async close(): Promise<void> {
    this.#ended.abort(new Error("shutting down"));
    await this.#queue.close();
  }

  #take(device: DeviceId, deed: () => void): void {
    deed();
    this.#add(device);
  }

  #add(device: DeviceId): void {
    if (this.#isStarted) this.#queue.add(device);
  }

  async #look(device: DeviceId, signal: AbortSignal): Promise<number | null> {
    const { objects } = this.#options;
    if (!objects.isComplete()) return AGAIN_MS;
    const object = objects.find(device);
    const { steps, isRoutine, recheckAfterMs } = planDevice(await this.#knownOf(device, object, signal));
    const [first] = steps;
    if (first === undefined) {
      this.#fail(device, null);
      this.#pace.drop(device);
      return recheckAfterMs;
    }
    const waitMs = this.#pace.waitMs(device, isRoutine ? "routine" : "transition", this.#clock.monotonicMs());
    if (waitMs > 0) return waitMs;
    for (const step of steps) await this.#carryOut(step, signal);
    this.#fail(device, null);
    return recheckAfterMs;
  }

  #fail(device: DeviceId, why: string | null): void {
    if (why === null && !this.#failed.delete(device)) return;
    if (why !== null) this.#failed.set(device, why);
    const [first] = this.#failed;
    const many = first === undefined ? null : `${this.#failed.size} Devices cannot be written, as ${first[0]}: ${first[1]} (${RIGHTS})`;
    this.#options.onProblem(many);
  }

  async #knownOf(device: DeviceId, object: DeviceObject | null, signal: AbortSignal): Promise<Parameters<typeof planDevice>[0]> {
    const { objects, desired, labels = () => ({}) } = this.#options;
    return {
      device,
      object,
      isDefinitionGoing: object?.isDeleting === true && (await objects.isDefinitionGoing(signal)),
      heard: this.#known.status(device),
      inventory: this.#known.inventory(device),
      manifest: desired.heard(device),
      labels: labels(device),
      nowMs: this.#known.nowMs(),
      writtenAgoMs: this.#clock.monotonicMs() - (this.#writtenMs.get(device) ?? -Infinity),
    };
  }

  async #carryOut(step: DeviceStep, signal: AbortSignal): Promise<void> {
    const { objects, status, inventory, log } = this.#options;
    if (step.kind === "forget") {
      await Promise.all([status.forget(step.device), inventory.forget(step.device)]);
      log.info("forgot a device", { device: step.device });
      return;
    }
    await objects.carryOut(step, signal);
    if (step.kind === "put-status") this.#writtenMs.set(step.object.device, this.#clock.monotonicMs());
  }
}

/** The same store, of which somebody else hears, too. */
function heardToo(
  store: StatusStore,
  { hear, lose }: { readonly hear: (entry: StatusEntry) => void; readonly lose: (device: DeviceId) => void },
): StatusStore {
  return {
    ...store,
    watch: (callback, signal, onRemoved) =>
      store.watch(
        (entry) => {
          hear(entry);
          callback(entry);
        },
        signal,
        (device) => {
          lose(device);
          onRemoved?.(device);
        },
      ),
  };
}
