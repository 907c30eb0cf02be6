// The agent's configuration in the demo, as /etc/iot-agent/config.toml has it.

import type { AgentSettings } from "./demo-device.ts";

export function agentConfig(options: AgentSettings & { device: string; podmanSocket?: string }): string {
  const podman = options.podmanSocket === undefined ? "" : `\n[podman]\nsocket = "${options.podmanSocket}"\n`;
  return `[agent]
device_id = "${options.device}"
${options.agentSettings ?? ""}
[credentials]
type = "toml-shared"
nats_user = "iot-agent"
nats_pass = "demo-password"

[nats]
urls = ["${options.natsUrl}"]
${podman}`;
}
