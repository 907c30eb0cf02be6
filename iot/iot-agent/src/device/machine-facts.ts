// What this machine is, by its kernel and its firmware. A fact that is not known is absent. Numbers
// that change by themselves are rounded, since the inventory is sent again when it changes.

import { readdir, readFile, stat, statfs } from "node:fs/promises";
import { availableParallelism, machine, networkInterfaces, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Inventory, InventoryDisk } from "@harmony/core";
import { pageBytes } from "@harmony/podman";

/** Free space is said to such a part of the disk. */
const PARTS = 20;
const ZONES = "/sys/class/thermal";

/** Text for people, under the names of the inventory's `facts`. */
export async function machineFacts(): Promise<Record<string, string>> {
  const [model, product, serial, osRelease] = await Promise.all([
    textOf("/proc/device-tree/model"),
    textOf("/sys/class/dmi/id/product_name"),
    textOf("/proc/device-tree/serial-number"),
    textOf("/etc/os-release"),
  ]);
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
  const facts = {
    model: model || product,
    serial,
    os: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? "",
    kernel: release(),
    machine: machine(),
    pageBytes: String((await pageBytes()) ?? ""),
    addresses: [...new Set(addresses)].toSorted().join(" "),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== ""));
}

/** `folders`: what the agent and its workloads write to. Each disk is named once, by the first. */
export async function machineNumbers(
  folders: readonly string[],
): Promise<Pick<Inventory, "cpus" | "memoryBytes" | "disks" | "temperatureLimit">> {
  const [disks, temperatureLimit] = await Promise.all([disksOf(folders), temperatureLimitOf(ZONES)]);
  return {
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    disks,
    ...(temperatureLimit === null ? {} : { temperatureLimit }),
  };
}

export async function disksOf(folders: readonly string[]): Promise<InventoryDisk[]> {
  const disks = new Map<number, InventoryDisk>();
  for (const path of folders) {
    try {
      const [{ dev }, { bavail, blocks, bsize }] = await Promise.all([stat(path), statfs(path)]);
      const part = (blocks * bsize) / PARTS;
      const availableBytes = part === 0 ? 0 : Math.floor(Math.floor((bavail * bsize) / part) * part);
      if (!disks.has(dev)) disks.set(dev, { path, bytes: blocks * bsize, availableBytes });
    } catch {
      // It is not there, or not this user's to see.
    }
  }
  return [...disks.values()];
}

/**
 * The lowest temperature at which the kernel throttles or halts (trip points `hot` and `critical`
 * of its thermal zones), in degrees Celsius; null: it names none.
 */
export async function temperatureLimitOf(zones: string): Promise<number | null> {
  const limits: number[] = [];
  for (const zone of await readdir(zones).catch(() => [])) {
    const points = (await readdir(join(zones, zone)).catch(() => [])).filter((name) => /^trip_point_\d+_type$/.test(name));
    for (const point of points) {
      const file = join(zones, zone, point);
      if (!["hot", "critical"].includes(await textOf(file))) continue;
      const millidegrees = Number((await textOf(file.replace(/_type$/, "_temp"))) || Number.NaN);
      if (millidegrees > 0) limits.push(millidegrees / 1_000);
    }
  }
  return limits.length === 0 ? null : Math.min(...limits);
}

async function textOf(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(() => "")).replaceAll("\0", "").trim();
}
