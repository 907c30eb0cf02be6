// The words of an application, as tests expect them on hosts and in sentences.

import type { HostApplication } from "../src/index.ts";

export const APPLICATION: HostApplication = {
  program: "iot-agent",
  user: "iot-agent",
  userFullName: "IoT agent",
  configFolder: "/etc/iot-agent",
  secretsFolder: "/etc/iot-agent/secrets",
  stateFolder: "/var/lib/iot-agent",
  command: "iot provision",
  runName: "iot-provision",
};
