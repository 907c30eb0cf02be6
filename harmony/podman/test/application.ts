// The words of an application, as tests expect them in labels, variables and sentences.

import type { Application } from "../src/index.ts";

export const APPLICATION: Application = {
  labelPrefix: "io.nationtech.iot",
  environmentPrefix: "IOT",
  program: "iot-agent",
  user: "iot-agent",
  secretsFolder: "/etc/iot-agent/secrets",
  busyFolder: "/run/iot",
};
