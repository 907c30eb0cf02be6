// Devices as text: the table of `iot devices`, whose columns are those of `kubectl get iotdev`, and
// all that is known of one, for `iot describe device`. Pure; sentences are the devices' own.

import { renderTable, shownAge, wrap } from "@iot/report";
import { DEVICE_CONDITIONS, type DeploymentRow, type ShownDevice } from "@iot/fleet";

const COLUMNS = ["NAME", "READY", "REASON", "DEPLOYMENTS", "LAST SEEN", "VERSION", "ARCH", "MODEL"] as const;
const WIDE_COLUMNS = [...COLUMNS, "ADDRESS", "OS", "KERNEL", "PODMAN", "MEMORY", "DISK FREE", "LABELS"] as const;

export function renderDeviceList(devices: readonly ShownDevice[], isWide: boolean): string {
  if (devices.length === 0) return "No device.\n";
  const rows = devices.map((device) => (isWide ? [...cells(device), ...wideCells(device)] : cells(device)));
  return `${renderTable(isWide ? WIDE_COLUMNS : COLUMNS, rows).join("\n")}\n`;
}

function cells({ device, conditions: { Ready }, deployments, lastSeenSeconds, agentVersion, inventory }: ShownDevice): string[] {
  const { desired, running } = deployments;
  const seen = lastSeenSeconds === null ? "never" : shownAge(lastSeenSeconds);
  return [
    device,
    Ready.status,
    Ready.reason,
    `${running}/${desired}`,
    seen,
    agentVersion ?? "-",
    inventory?.architecture ?? "-",
    inventory?.model ?? "-",
  ];
}

function wideCells({ inventory, labels }: ShownDevice): string[] {
  const shown = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const bytes = inventory?.memoryBytes ?? null;
  return [
    inventory?.addresses[0] ?? "-",
    inventory?.os ?? "-",
    inventory?.kernel ?? "-",
    inventory?.podman ?? "-",
    bytes === null ? "-" : size(bytes),
    diskFree(inventory),
    shown.join(",") || "-",
  ];
}

/** Of the fullest. */
function diskFree(inventory: ShownDevice["inventory"]): string {
  const [fullest] = (inventory?.disks ?? []).toSorted((a, b) => a.availableBytes / a.bytes - b.availableBytes / b.bytes);
  return fullest === undefined ? "-" : size(fullest.availableBytes);
}

function size(bytes: number): string {
  const gibibytes = bytes / 2 ** 30;
  return gibibytes >= 10 ? `${Math.round(gibibytes)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}

export function renderDevice(device: ShownDevice, deployments: readonly DeploymentRow[], width: number): string {
  const { conditions, inventory, labels, lastSeenAt, lastSeenSeconds, displayName, allowedNamespaces, agentVersion } = device;
  const pairs = (of: Readonly<Record<string, string>>): string =>
    Object.entries(of)
      .map(([key, value]) => `${key}=${value}`)
      .join(", ");
  const seen = lastSeenAt === null ? "never" : `${lastSeenAt.slice(0, 19).replace("T", " ")} UTC (${shownAge(lastSeenSeconds ?? 0)} ago)`;
  const facts: readonly (readonly [string, string])[] = [
    ["Name", device.device],
    ["Display name", displayName ?? ""],
    ["Labels", pairs(labels)],
    ["Allowed namespaces", allowedNamespaces === null ? "all" : allowedNamespaces.join(", ")],
    ["Last seen", seen],
    ["Agent", agentVersion ?? ""],
    ...(inventory === null ? [] : saidFacts(inventory, pairs)),
  ];
  const indent = Math.max(...facts.map(([name]) => name.length)) + 3;
  const known = facts.filter(([, value]) => value !== "");
  const conditionRows = DEVICE_CONDITIONS.map((type) => [type, conditions[type].status, conditions[type].reason, conditions[type].message]);
  const deploymentRows = deployments.map(({ deployment, phase, reason, message }) => [deployment, phase, reason, message]);
  return [
    ...known.flatMap(([name, value]) => wrap(`${`${name}:`.padEnd(indent)}${value}`, width, " ".repeat(indent), "")),
    "",
    ...renderTable(["CONDITION", "STATUS", "REASON", "MESSAGE"], conditionRows),
    "",
    ...(deployments.length === 0
      ? ["Nothing is deployed to it."]
      : renderTable(["DEPLOYMENT", "PHASE", "REASON", "MESSAGE"], deploymentRows)),
    "",
  ].join("\n");
}

function saidFacts(
  said: NonNullable<ShownDevice["inventory"]>,
  pairs: (of: Readonly<Record<string, string>>) => string,
): (readonly [string, string])[] {
  const { memoryBytes, cpus, disks, temperatureLimit, remote } = said;
  const hardware = [cpus === null ? "" : `${cpus} processors`, memoryBytes === null ? "" : `${size(memoryBytes)} of memory`];
  return [
    ["Model", said.model ?? ""],
    ["Serial", said.serial ?? ""],
    ["Architecture", said.architecture],
    ["Hardware", hardware.filter((text) => text !== "").join(", ")],
    ["Disks", disks.map(({ path, bytes, availableBytes }) => `${path} ${size(availableBytes)} of ${size(bytes)} left`).join(", ")],
    ["Temperature limit", temperatureLimit === null ? "" : `${temperatureLimit} °C`],
    ["OS", said.os ?? ""],
    ["Kernel", said.kernel ?? ""],
    ["Podman", said.podman ?? ""],
    ["Addresses", said.addresses.join(", ")],
    ["Answers", remote === null ? "" : remote.join(", ") || "nothing but ping"],
    ["Capabilities", said.capabilities.join(", ")],
    ["Its own labels", pairs(said.reportedLabels)],
  ];
}
