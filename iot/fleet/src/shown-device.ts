// One device as people see it in a list, from what is judged of it, what it says that it is, and
// what people say of it. Pure.

import type { Parsed } from "@harmony/core";
import type { DeviceDisk, DeviceId, DeviceInventory, DeviceWords } from "@iot/contracts";
import { type DeploymentCounts, deploymentCounts, type DeviceConditions, deviceConditions } from "./device-conditions.ts";
import type { HeardStatus, JudgedDevice } from "./judge-fleet.ts";
import { labelsOfDevice, type Labels } from "./selector.ts";

export interface ShownDevice {
  readonly device: DeviceId;
  readonly displayName: string | null;
  readonly conditions: DeviceConditions;
  readonly deployments: DeploymentCounts;
  readonly offline: boolean;
  /** RFC 3339; null: it has never reported. */
  readonly lastSeenAt: string | null;
  readonly lastSeenSeconds: number | null;
  readonly agentVersion: string | null;
  /** Those that a selector matches. */
  readonly labels: Labels;
  /** null: Deployments of all namespaces. */
  readonly allowedNamespaces: readonly string[] | null;
  /** What follows is what the device says of itself; null: nothing that can be read. */
  readonly inventory: SaidOfItself | null;
}

export interface SaidOfItself {
  readonly architecture: string;
  readonly model: string | null;
  readonly serial: string | null;
  readonly os: string | null;
  readonly kernel: string | null;
  readonly podman: string | null;
  readonly addresses: readonly string[];
  readonly cpus: number | null;
  readonly memoryBytes: number | null;
  readonly disks: readonly DeviceDisk[];
  readonly temperatureLimit: number | null;
  readonly remote: readonly string[] | null;
  readonly capabilities: readonly string[];
  readonly reportedLabels: Labels;
}

export interface DeviceSources {
  readonly judged: JudgedDevice;
  readonly heard: HeardStatus | null;
  readonly inventory: Parsed<DeviceInventory> | null;
  /** Of each source that says something; the first one's name counts. */
  readonly words: readonly DeviceWords[];
}

export function shownDevice(device: DeviceId, { judged, heard, inventory, words }: DeviceSources): ShownDevice {
  const status = heard?.status.ok === true ? heard.status.value : null;
  const said = inventory?.ok === true ? inventory.value : null;
  const { offline, lastSeenAt, lastSeenSeconds, agentVersion } = judged.row;
  const restrictions = words.flatMap(({ allowedNamespaces }) => (allowedNamespaces === undefined ? [] : [allowedNamespaces]));
  return {
    device,
    displayName: words.find(({ displayName }) => displayName !== undefined)?.displayName ?? null,
    conditions: deviceConditions({ judged, status, receivedAtMs: heard?.receivedAtMs ?? 0, inventory }),
    deployments: deploymentCounts(judged),
    offline: offline || lastSeenSeconds === null,
    lastSeenAt,
    lastSeenSeconds,
    agentVersion,
    labels: labelsOfDevice(Object.fromEntries(words.toReversed().flatMap(({ labels }) => Object.entries(labels))), said),
    allowedNamespaces: restrictions.length === 0 ? null : [...new Set(restrictions.flat())].toSorted(),
    inventory: said === null ? null : saidOfItself(said),
  };
}

function saidOfItself({
  architecture,
  facts,
  capabilities,
  labels,
  cpus,
  memoryBytes,
  disks,
  temperatureLimit,
  remote,
}: DeviceInventory): SaidOfItself {
  const { model, serial, os, kernel, podmanVersion, addresses = "" } = facts;
  return {
    architecture,
    model: model ?? null,
    serial: serial ?? null,
    os: os ?? null,
    kernel: kernel ?? null,
    podman: podmanVersion ?? null,
    addresses: addresses.split(" ").filter((address) => address !== ""),
    cpus: cpus ?? null,
    memoryBytes: memoryBytes ?? null,
    disks: disks ?? [],
    temperatureLimit: temperatureLimit ?? null,
    remote: remote ?? null,
    capabilities,
    reportedLabels: labels,
  };
}
