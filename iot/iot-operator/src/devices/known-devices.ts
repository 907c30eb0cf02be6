// What was heard of each device, as far as its object says it: its last status without its
// services, and its inventory. Ages are by the server's time stamps, carried on by a clock that
// never goes back.

import type { Parsed } from "@harmony/core";
import type { Clock } from "@harmony/runtime";
import type { DeploymentReport, DeviceId, DeviceInventory, DeviceStatus } from "@iot/contracts";
import type { HeardStatus } from "@iot/fleet";
import type { InventoryEntry, StatusEntry } from "@iot/messaging";

export class KnownDevices {
  readonly #clock: Clock;
  readonly #statuses = new Map<DeviceId, Omit<HeardStatus, "nowMs">>();
  readonly #inventories = new Map<DeviceId, Parsed<DeviceInventory>>();
  /** The server's clock, and ours at the same moment. */
  #server = { nowMs: 0, monotonicMs: -1 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hear({ device, receivedAtMs, nowMs, status }: StatusEntry): void {
    this.#hearTime(nowMs);
    const said: Parsed<DeviceStatus> = status.ok ? { ok: true, value: kept(device, status.value) } : status;
    this.#statuses.set(device, { device, receivedAtMs, status: said });
  }

  hearInventory({ device, nowMs, inventory }: InventoryEntry): void {
    this.#hearTime(nowMs);
    this.#inventories.set(device, inventory);
  }

  loseStatus(device: DeviceId): void {
    this.#statuses.delete(device);
  }

  loseInventory(device: DeviceId): void {
    this.#inventories.delete(device);
  }

  /** The server's clock now. */
  nowMs(): number {
    const { nowMs, monotonicMs } = this.#server;
    return monotonicMs < 0 ? this.#clock.now() : nowMs + this.#clock.monotonicMs() - monotonicMs;
  }

  status(device: DeviceId): HeardStatus | null {
    const heard = this.#statuses.get(device);
    return heard === undefined ? null : { ...heard, nowMs: this.nowMs() };
  }

  inventory(device: DeviceId): Parsed<DeviceInventory> | null {
    return this.#inventories.get(device) ?? null;
  }

  devices(): Set<DeviceId> {
    return new Set([...this.#statuses.keys(), ...this.#inventories.keys()]);
  }

  #hearTime(nowMs: number): void {
    this.#server = { nowMs, monotonicMs: this.#clock.monotonicMs() };
  }
}

/** What a Device says of it. What runs in a deployment would be most of a status. */
function kept(
  device: DeviceId,
  { agentVersion, reportedAt, statusIntervalSeconds, manifestRevision, problem, deployments }: DeviceStatus,
): DeviceStatus {
  const reports = Object.entries(deployments).map(([name, report]) => [name, keptReport(report)] as const);
  return {
    device,
    agentVersion,
    reportedAt,
    manifestRevision,
    deployments: Object.fromEntries(reports),
    ...(statusIntervalSeconds === undefined ? {} : { statusIntervalSeconds }),
    ...(problem === undefined ? {} : { problem: { reason: problem.reason, message: problem.message, since: "" } }),
  };
}

function keptReport({ phase, reason, message, desiredRevision, runningRevision }: DeploymentReport): DeploymentReport {
  return { phase, reason, message, since: "", desiredRevision, runningRevision, services: [] };
}
