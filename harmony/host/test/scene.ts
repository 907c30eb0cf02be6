// A blank device and its Interpret, as the tests of this package use them.

import { type BlankDevice } from "@iot/testkit";
import { type Desired, formatIssues } from "@harmony/core";
import { connectSsh, type HostInterpret, linuxHostV0, type LinuxHostV0, type SshOptions } from "../src/index.ts";
import { APPLICATION } from "./application.ts";

const VARIANT = linuxHostV0(APPLICATION);

export function sshOptions(device: BlankDevice): SshOptions {
  const { address: host, user, identityFile, knownHostsFile } = device;
  return { host, tempPrefix: "host-", user, identityFile, knownHostsFile };
}

export function interpretOn(options: SshOptions, confirmWithinMs = 10_000): HostInterpret {
  return VARIANT.interpret({
    name: options.host,
    capabilities: { ssh: connectSsh(options), confirmWithinMs },
    inventory: () => Promise.resolve({ architecture: "", capabilities: [], facts: {} }),
  });
}

export function desired(data: unknown): Desired<LinuxHostV0> {
  const parsed = VARIANT.parse(data);
  if (!parsed.ok) throw new TypeError(formatIssues(parsed.issues));
  return { name: "device", revision: "1", scoreString: JSON.stringify(data), data: parsed.value, hold: null };
}
