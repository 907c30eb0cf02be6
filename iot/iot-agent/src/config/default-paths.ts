// Where the agent's files are unless its command line or its configuration says otherwise.

import { join } from "node:path";

export const DEFAULT_CONFIG_FILE = "/etc/iot-agent/config.toml";
export const DEFAULT_STATE_DIR = "/var/lib/iot-agent";
export const DEFAULT_RUN_DIR = "/run/iot-agent";
export const DEFAULT_SECRETS_DIR = "/etc/iot-agent/secrets";

/** What OpenBao gave for this device. */
export function fetchedSecretsFolder(stateDir: string): string {
  return join(stateDir, "secrets");
}
