// A device in qemu: its process is killed, and its disk is left as a card would be that loses what
// was not flushed. Each new disk is a copy of one image.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@iot/testkit";
import type { Architecture, DeviceRoot } from "./device-root.ts";
import { copyDisk, type Disk, type MountedDisk, type SettledDisk } from "./disk.ts";
import type { Observation } from "./judge.ts";
import { type Machine, startMachine } from "./machine.ts";
import { checkFileSystem } from "./observe.ts";
import { type Cut, cutRandom } from "./plan.ts";
import type { Patience, Powered, PoweredDevice } from "./powered-device.ts";

/**
 * The time that an emulated device may take on a machine that does other things too; an emulated
 * arm64 takes three times as long.
 */
const PATIENCE: Readonly<Record<Architecture, Patience>> = {
  amd64: { loginMs: 240_000, answerMs: 240_000, reconcileMs: 300_000, settleMs: 60_000 },
  arm64: { loginMs: 720_000, answerMs: 720_000, reconcileMs: 900_000, settleMs: 180_000 },
};

export interface EmulatedDeviceOptions {
  readonly architecture: Architecture;
  readonly root: DeviceRoot;
  /** The image that a new disk is copied from. */
  readonly image: string;
  readonly folder: string;
  readonly seed: number;
  /** The ports of the device that this machine reaches. */
  readonly ports: readonly number[];
}

interface Running {
  readonly machine: Machine;
  readonly mounted: MountedDisk;
}

export class EmulatedDevice implements PoweredDevice {
  readonly patience: Patience;
  readonly #options: EmulatedDeviceOptions;
  /** The port of this machine's loopback, by that of the device. */
  readonly #forward: ReadonlyMap<number, number>;
  #disk: Disk | undefined;
  #running: Running | undefined;
  #fsck: Promise<Observation["fsck"]> | undefined;

  private constructor(options: EmulatedDeviceOptions, forward: ReadonlyMap<number, number>) {
    this.#options = options;
    this.#forward = forward;
    this.patience = PATIENCE[options.architecture];
  }

  static async create(options: EmulatedDeviceOptions): Promise<EmulatedDevice> {
    await mkdir(options.folder, { recursive: true });
    return new EmulatedDevice(options, new Map(await Promise.all(options.ports.map(async (port) => [port, await freePort()] as const))));
  }

  async startAnew(): Promise<void> {
    await this.stop();
    this.#disk = await copyDisk(this.#options.image, this.#options.folder);
  }

  async powerOn(): Promise<Powered> {
    const { architecture, root, folder } = this.#options;
    const mounted = await this.#newestDisk().mount();
    const forward = Object.fromEntries([...this.#forward].map(([port, at]) => [at, port]));
    const machine = await startMachine({ architecture, root, disk: mounted, folder: join(folder, "qemu"), forward });
    this.#running = { machine, mounted };
    return machine;
  }

  async cut({ number, keep }: Pick<Cut, "number" | "keep">): Promise<SettledDisk> {
    const { machine, mounted } = this.#device();
    await machine.cut();
    this.#running = undefined;
    const settled = await mounted.settle(keep, cutRandom(this.#options.seed, number));
    this.#fsck = checkFileSystem(this.#newestDisk().path, this.#options.folder);
    // It is awaited later. If the boot fails before, the boot's own failure is the one to report.
    this.#fsck.catch(() => undefined);
    return settled;
  }

  accept(): Promise<void> {
    return this.#device().mounted.mark();
  }

  checkedFileSystem(): Promise<Observation["fsck"]> {
    return this.#fsck ?? Promise.reject(new Error("the device was not cut"));
  }

  url(port: number): string {
    return `http://127.0.0.1:${this.#forward.get(port)}/`;
  }

  async stop(): Promise<void> {
    await this.#fsck?.catch(() => undefined);
    await this.#running?.machine.cut();
    this.#running = undefined;
  }

  #device(): Running {
    if (this.#running === undefined) throw new Error("the device is switched off");
    return this.#running;
  }

  #newestDisk(): Disk {
    if (this.#disk === undefined) throw new Error("the device has no disk");
    return this.#disk;
  }
}
