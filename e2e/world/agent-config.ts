// The configuration of an agent with a static user of NATS, as /etc/iot-agent/config.toml has it.

import type { AgentSettings } from "./demo-device.ts";

export function agentConfig(options: AgentSettings & { device: string; isOfFirstRelease: boolean }): string {
  return `[agent]
device_id = "${options.device}"
${options.agentSettings ?? ""}
[credentials]
type = "${options.isOfFirstRelease ? "toml-shared" : "nats-user"}"
nats_user = "iot-agent"
nats_pass = "demo-password"

[nats]
urls = ["${options.natsUrl}"]
`;
}
