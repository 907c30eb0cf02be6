// The name of the program on the device, in labels of containers, in their environment and in
// sentences. It is handed to @harmony/podman, which knows no application. Another label prefix
// would orphan what runs.

export const IOT_AGENT = {
  labelPrefix: "io.nationtech.iot",
  environmentPrefix: "IOT",
  program: "iot-agent",
  user: "iot-agent",
  secretsFolder: "/etc/iot-agent/secrets",
  busyFolder: "/run/iot",
} as const;
