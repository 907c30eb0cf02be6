// Two devices with one id, as a copied card makes them, write one status by turns. Each status has
// the beginning of the boot that it is of. A reboot brings a boot that was never heard; only of two
// devices an earlier boot comes back. So a boot that comes back after another says that there are
// two, until one of them has been silent for as long as an offline device. Pure, but for what it
// remembers.

import { type DeviceId, type DeviceStatus, offlineAfterMs, STATUSES_PER_BOOT } from "@iot/contracts";
import type { FleetReason } from "./reasons.ts";

interface Heard {
  readonly boot: string;
  readonly atMs: number;
}

interface Known {
  /** The last one heard is the last. */
  readonly boots: readonly Heard[];
  readonly cameBack: boolean;
}

/** More devices of one id than these are two as well. */
const MOST = 4;

export interface IdInUse {
  readonly reason: FleetReason;
  readonly message: string;
}

export class BootsHeard {
  readonly #known = new Map<DeviceId, Known>();

  /** `atMs`: on a clock of the reader. Null: nothing says that there are two. */
  hear(
    device: DeviceId,
    { boot, statusIntervalSeconds }: Pick<DeviceStatus, "boot" | "statusIntervalSeconds">,
    atMs: number,
  ): IdInUse | null {
    const before = this.#known.get(device) ?? { boots: [], cameBack: false };
    const silentMs = offlineAfterMs({ statusIntervalSeconds }) * (statusIntervalSeconds === undefined ? 1 : STATUSES_PER_BOOT);
    const heard = before.boots.filter((one, index) => index === before.boots.length - 1 || atMs - one.atMs <= silentMs);
    const last = heard.at(-1);
    const cameBack = boot !== undefined && boot !== last?.boot && heard.some((one) => one.boot === boot);
    const boots = boot === undefined ? heard : [...heard.filter((one) => one.boot !== boot), { boot, atMs }].slice(-MOST);
    const now = { boots, cameBack: boots.length > 1 && (before.cameBack || cameBack) };
    if (boots.length > 0) this.#known.set(device, now);
    return now.cameBack ? idInUse(device, boots.map((one) => one.boot).toSorted()) : null;
  }

  forget(device: DeviceId): void {
    this.#known.delete(device);
  }
}

function idInUse(device: DeviceId, boots: readonly string[]): IdInUse {
  const message = `${boots.length === 2 ? "two" : boots.length} devices report as "${device}" by turns (boots ${boots.slice(0, -1).join(", ")} and ${boots.at(-1)}), as a copied card makes them: give one of them an id of its own (agent.device_id in /etc/iot-agent/config.toml)`;
  return { reason: "DeviceIdInUse", message };
}
