// The agent's configuration in the demo, as /etc/iot-agent/config.toml has it.

export function agentConfig(options: { device: string; natsUrl: string; extra?: string }): string {
  return `[agent]
device_id = "${options.device}"

[credentials]
type = "toml-shared"
nats_user = "iot-agent"
nats_pass = "demo-password"

[nats]
urls = ["${options.natsUrl}"]
${options.extra ?? ""}`;
}
