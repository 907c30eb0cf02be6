// A blank device and its Interpret, as the tests of this package use them.

import type { Desired } from "@harmony/core";
import { type BlankDevice } from "@iot/testkit";
import { connectSsh, type HostInterpret, interpretHost, LinuxHostV0, type SshOptions } from "../src/index.ts";

export function sshOptions(device: BlankDevice): SshOptions {
  const { address: host, user, identityFile, knownHostsFile } = device;
  return { host, user, identityFile, knownHostsFile };
}

export function interpretOn(options: SshOptions, confirmWithinMs = 10_000): HostInterpret {
  return interpretHost({
    name: options.host,
    capabilities: { ssh: connectSsh(options), confirmWithinMs },
    inventory: () => Promise.resolve({ architecture: "", capabilities: [], facts: {} }),
  });
}

export function desired(data: unknown): Desired<LinuxHostV0> {
  return { name: "device", revision: "1", scoreString: JSON.stringify(data), data: LinuxHostV0.parse(data), hold: null };
}
