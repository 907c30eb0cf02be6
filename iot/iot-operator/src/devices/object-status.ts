// The status that stands in a Device, from what is judged of the device and what it says that it
// is. A condition's lastTransitionTime moves only with its status; lastSeenTime moves with
// everything that is written, and by itself every ten minutes. Pure.

import { canonicalJson } from "@harmony/schema";
import type { Condition, DeviceInventory, DeviceObjectStatus } from "@iot/contracts";
import { type ConditionState, type DeploymentCounts, DEVICE_CONDITIONS, type DeviceConditions } from "@iot/fleet";

export interface SaidOfDevice {
  readonly conditions: DeviceConditions;
  readonly counts: DeploymentCounts;
  /** RFC 3339; null: it has never reported. */
  readonly lastSeenTime: string | null;
  readonly agentVersion: string | null;
  /** null: none that can be read. */
  readonly inventory: DeviceInventory | null;
}

/** metav1.Condition's limit is wider; of 10,000 objects this much of a sentence is kept. */
const MESSAGE_LIMIT = 1_024;

/** `now` is RFC 3339, to the second. */
export function objectStatus(
  said: SaidOfDevice,
  { standing, generation, now }: { standing: DeviceObjectStatus; generation: number; now: string },
): DeviceObjectStatus {
  const before = new Map((standing.conditions ?? []).map((condition) => [condition.type, condition]));
  const conditions = DEVICE_CONDITIONS.map((type) => condition(type, said.conditions[type], { was: before.get(type), generation, now }));
  const { desired, running, failed } = said.counts;
  return {
    observedGeneration: generation,
    conditions,
    deployments: { desired, running, failed, summary: `${running}/${desired}` },
    ...(said.lastSeenTime === null ? {} : { lastSeenTime: said.lastSeenTime }),
    ...(said.agentVersion === null ? {} : { agentVersion: said.agentVersion }),
    ...(said.inventory === null ? {} : inventoryFields(said.inventory)),
  };
}

function condition(
  type: string,
  { status, reason, message }: ConditionState,
  { was, generation, now }: { was: Condition | undefined; generation: number; now: string },
): Condition {
  const lastTransitionTime = was?.status === status ? was.lastTransitionTime : now;
  const text = message.length <= MESSAGE_LIMIT ? message : `${message.slice(0, MESSAGE_LIMIT - 1)}…`;
  return { type, status, reason, message: text, lastTransitionTime, observedGeneration: generation };
}

function inventoryFields(inventory: DeviceInventory): DeviceObjectStatus {
  const { architecture, bootId: bootID, capabilities, labels: reportedLabels, facts, cpus, memoryBytes, disks = [], remote } = inventory;
  const { model, serial, kernel, os, podmanVersion, addresses = "" } = facts;
  const [fullest] = disks.toSorted((a, b) => a.availableBytes / a.bytes - b.availableBytes / b.bytes);
  return {
    bootID,
    capabilities,
    reportedLabels,
    addresses: addresses.split(" ").filter((address) => address !== ""),
    capacity: {
      ...(cpus === undefined ? {} : { cpu: String(cpus) }),
      ...(memoryBytes === undefined ? {} : { memory: quantity(memoryBytes) }),
      ...(fullest === undefined ? {} : { "ephemeral-storage": quantity(fullest.bytes) }),
    },
    nodeInfo: {
      architecture,
      ...(kernel === undefined ? {} : { kernelVersion: kernel }),
      ...(os === undefined ? {} : { osImage: os }),
      ...(podmanVersion === undefined ? {} : { containerRuntimeVersion: `podman://${podmanVersion}` }),
    },
    ...(model === undefined ? {} : { model }),
    ...(serial === undefined ? {} : { serial }),
    ...(remote === undefined ? {} : { remote }),
    ...(fullest === undefined ? {} : { diskAvailable: quantity(fullest.availableBytes) }),
  };
}

/** In the unit in which it has at least three digits: `7821Mi`, `29Gi`. */
function quantity(bytes: number): string {
  const gibibytes = bytes / 2 ** 30;
  return gibibytes >= 10 ? `${Math.round(gibibytes)}Gi` : `${Math.round(bytes / 2 ** 20)}Mi`;
}

export type StatusNews = "nothing" | "words" | "transition";

/** What of the status is another than what stands, but for when the device was seen. */
export function newsIn(standing: DeviceObjectStatus, wanted: DeviceObjectStatus): StatusNews {
  if (canonicalJson(stateOf(standing)) !== canonicalJson(stateOf(wanted))) return "transition";
  return wordsOf(standing) === wordsOf(wanted) ? "nothing" : "words";
}

function stateOf({ conditions = [], lastSeenTime: _, ...others }: DeviceObjectStatus): object {
  return { ...others, conditions: conditions.map(({ message: _, lastTransitionTime: _at, ...state }) => state) };
}

function wordsOf({ conditions = [] }: DeviceObjectStatus): string {
  return JSON.stringify(conditions.map(({ type, message }) => [type, message]));
}
