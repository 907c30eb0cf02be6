// This device as a Topology: its processor, its user's Podman, and who it is. It leaves out the
// facts that it does not know.

import { readFile } from "node:fs/promises";
import { cpus, machine, networkInterfaces, release, totalmem } from "node:os";
import type { Architecture, Inventory, Topology } from "@harmony/core";
import { pageBytes, type PodmanV0Needs } from "@harmony/podman";
import { UserError } from "@harmony/runtime";
import { CAPABILITIES, type Capability } from "@iot/contracts";

export interface PodmanDeviceCapabilities extends PodmanV0Needs {
  readonly architecture: Architecture;
}

/**
 * What each trait is called in the inventory. Null: it is not there. The processor has a field of
 * its own there, and the others only serve Podman: every agent that has it has them, so no selector
 * could distinguish devices by them.
 */
const PUBLIC_CAPABILITIES: Readonly<Record<keyof PodmanDeviceCapabilities, Capability | null>> = {
  podman: CAPABILITIES.podman,
  architecture: null,
  device: null,
  disk: null,
  host: null,
  imageLedger: null,
  journal: null,
  journalctl: null,
  networkRemains: null,
  policy: null,
  startList: null,
};

export class PodmanDevice implements Topology<PodmanDeviceCapabilities> {
  readonly name: string;
  readonly capabilities: PodmanDeviceCapabilities;

  constructor(options: PodmanV0Needs) {
    this.name = options.device.id;
    this.capabilities = { ...options, architecture: architecture() };
  }

  async inventory(signal: AbortSignal): Promise<Inventory> {
    const podman = await this.#podmanFacts(signal);
    const facts = { ...(await machineFacts()), ...podman };
    return {
      architecture: this.capabilities.architecture,
      capabilities: Object.values(PUBLIC_CAPABILITIES).filter((name) => name !== null),
      facts: Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== "")),
    };
  }

  async #podmanFacts(signal: AbortSignal): Promise<Record<string, string>> {
    try {
      const { host, version } = await this.capabilities.podman.info(signal);
      return {
        podmanVersion: version.Version,
        cgroupControllers: host.cgroupControllers.join(" "),
        rootlessNetwork: host.rootlessNetworkCmd,
      };
    } catch {
      signal.throwIfAborted();
      // The status reports that Podman is absent. The other facts are facts all the same.
      return {};
    }
  }
}

function architecture(): Architecture {
  if (process.arch === "x64") return "amd64";
  if (process.arch === "arm64") return "arm64";
  throw new UserError(`the processor of this machine (${process.arch}) is not one that the agent runs on: amd64 and arm64`);
}

/** What a person who approves this device compares; a fact that is not known is absent. */
export async function hardware(): Promise<{
  readonly model?: string;
  readonly serial?: string;
  readonly os?: string;
  readonly arch: string;
}> {
  const { model, serial, os } = await machineFacts();
  const known = Object.entries({ model, serial, os }).filter(([, value]) => value !== undefined && value !== "");
  return { ...Object.fromEntries(known), arch: architecture() };
}

async function machineFacts(): Promise<Record<string, string>> {
  const read = async (path: string): Promise<string> => (await readFile(path, "utf8").catch(() => "")).replaceAll("\0", "").trim();
  const [model, product, serial, osRelease] = await Promise.all([
    read("/proc/device-tree/model"),
    read("/sys/class/dmi/id/product_name"),
    read("/proc/device-tree/serial-number"),
    read("/etc/os-release"),
  ]);
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
  return {
    model: model || product,
    serial,
    os: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? "",
    kernel: release(),
    machine: machine(),
    cpus: String(cpus().length),
    memoryBytes: String(totalmem()),
    pageBytes: String((await pageBytes()) ?? ""),
    addresses: [...new Set(addresses)].toSorted().join(" "),
  };
}
