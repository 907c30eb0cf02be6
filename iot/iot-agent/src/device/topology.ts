// This device as a Topology: its processor, its user's Podman, and who it is. It leaves out the
// facts that it does not know.

import type { Architecture, Inventory, Topology } from "@harmony/core";
import type { PodmanV0Needs } from "@harmony/podman";
import { UserError } from "@harmony/runtime";
import { CAPABILITIES, type Capability } from "@iot/contracts";
import { machineFacts, machineNumbers } from "./machine-facts.ts";

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
  podmanService: null,
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
    const { graphRoot, ...podman } = await this.#podmanFacts(signal);
    return {
      architecture: this.capabilities.architecture,
      capabilities: Object.values(PUBLIC_CAPABILITIES).filter((name) => name !== null),
      facts: { ...(await machineFacts()), ...podman },
      ...(await machineNumbers(["/", ...(graphRoot === undefined ? [] : [graphRoot])])),
    };
  }

  /** `graphRoot`: the folder of images and containers. */
  async #podmanFacts(signal: AbortSignal): Promise<Record<string, string> & { graphRoot?: string }> {
    try {
      const { host, version, store } = await this.capabilities.podman.info(signal);
      const facts = {
        podmanVersion: version.Version,
        cgroupControllers: host.cgroupControllers.join(" "),
        rootlessNetwork: host.rootlessNetworkCmd,
      };
      return { ...Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== "")), graphRoot: store.graphRoot };
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
  const known = Object.entries({ model, serial, os }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(known), arch: architecture() };
}
