// Finds out whether another device reports under this device's id, as a copied card does: it reads
// its own inventory back, and finds the boot of another. That is said until for a while no other was
// found. Both write their inventories then, so that each finds the other. Pure, but for what it
// remembers.

import { type DeviceId, type DeviceInventory, shownBoot } from "@iot/contracts";
import type { Reason } from "../desired/reasons.ts";

/** The other reads as often, and writes when it has found this one. */
const READINGS_UNTIL_OVER = 3;

export interface FoundId {
  /** Another was found now: this one's inventory is written again. */
  readonly isOther: boolean;
  /** Null: no other was found lately. */
  readonly problem: { readonly reason: Reason; readonly message: string } | null;
}

export class SharedId {
  readonly #device: DeviceId;
  readonly #bootId: string;
  #others: string | null = null;
  #readingsAlone = 0;

  constructor(device: DeviceId, bootId: string) {
    this.#device = device;
    this.#bootId = bootId;
  }

  /** `read`: what stands there after this device has written its own; null: it cannot be read. */
  found(read: DeviceInventory | null): FoundId {
    const isOther = read !== null && read.bootId !== this.#bootId;
    if (isOther) {
      this.#others = shownBoot(read.bootId);
      this.#readingsAlone = 0;
    } else if (read !== null) {
      this.#readingsAlone += 1;
      if (this.#readingsAlone >= READINGS_UNTIL_OVER) this.#others = null;
    }
    return { isOther, problem: this.#others === null ? null : this.#problem(this.#others) };
  }

  get isShared(): boolean {
    return this.#others !== null;
  }

  #problem(others: string): NonNullable<FoundId["problem"]> {
    const message = `another device reports as "${this.#device}" too (boot ${others}; this one is of boot ${shownBoot(this.#bootId)}), as a copied card makes them: give one of them an id of its own (agent.device_id in /etc/iot-agent/config.toml)`;
    return { reason: "DeviceIdInUse", message };
  }
}
