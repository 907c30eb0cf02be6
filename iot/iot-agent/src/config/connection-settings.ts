import type { ConnectionSettings } from "@iot/messaging/device";

/** Where a person corrects what the connection to NATS needs, as a sentence names it. */
export function connectionSettings(configFile: string): ConnectionSettings {
  return { credentials: `[credentials] of ${configFile}`, servers: `[nats] of ${configFile}` };
}
