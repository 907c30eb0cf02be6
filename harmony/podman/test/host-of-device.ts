// The files of a simulated device as the agent on it would see them, read from outside.

import type { Device } from "@iot/testkit";
import type { PathFact } from "../src/model/input-facts.ts";
import { hostView, type HostView, type Policy } from "../src/index.ts";

export const STATE = "/var/lib/iot-agent";
export const SECRETS = "/etc/iot-agent/secrets";

export const CLOSED: Policy = {
  hostPaths: [],
  devices: [],
  hostNetwork: false,
  capabilities: [],
  file: "/etc/iot-agent/config.toml",
};

/** The agent is the user that Podman runs as; these tests run as root. */
export function hostOf(device: Device, { isSecretStoreReadOnly }: { readonly isSecretStoreReadOnly: boolean }): HostView {
  // The path differs after each boot.
  const seen = (): HostView =>
    hostView({
      secretsFolder: SECRETS,
      stateFolder: STATE,
      home: "/home/iot-agent",
      root: device.pathOnHost("/").replace(/\/$/, ""),
      onCorrupt: () => undefined,
    });
  return {
    look: async (wanted) => {
      // A link has to be followed from within the device's root.
      const paths = await Promise.all(
        wanted.paths.map(async (path): Promise<[string, PathFact]> => {
          const { exitCode, stdout } = await device.exec(["realpath", "--canonicalize-existing", path], { allowExitCodes: [0, 1] });
          return [path, exitCode === 0 ? { kind: "present", real: stdout.trim() } : { kind: "absent" }];
        }),
      );
      return { ...(await seen().look(wanted)), paths: Object.fromEntries(paths) };
    },
    podmanConfig: () => seen().podmanConfig(),
    trustRule: (reference) => seen().trustRule(reference),
    runs: (architecture) => seen().runs(architecture),
    hears: (pid, signal) => seen().hears(pid, signal),
    openPorts: () => seen().openPorts(),
    readSecret: (name) => seen().readSecret(name),
    lookAtSecretStore: async (folder, untilWritten) => {
      const found = await seen().lookAtSecretStore(folder, untilWritten);
      return found.kind === "damaged" && isSecretStoreReadOnly ? { ...found, isMendable: false } : found;
    },
    repairSecretStore: async (folder, untilWritten) => {
      await seen().repairSecretStore(folder, untilWritten);
      await device.exec(["chown", "-R", "iot-agent:iot-agent", folder]);
    },
    removeMounts: (folder) => seen().removeMounts(folder),
    writeMounts: async (folder, files) => {
      await seen().writeMounts(folder, files);
      await device.exec(["chown", "-R", "iot-agent:iot-agent", STATE]);
    },
  };
}
