// What a host bears of this platform once it is ready for the agent: handed to @harmony/host, which
// knows no application. Under other names a host that was provisioned before has everything twice.

import type { HostApplication } from "@harmony/host";
import { IOT_AGENT } from "@iot/contracts";

export const IOT_HOST: HostApplication = {
  program: IOT_AGENT.program,
  user: IOT_AGENT.user,
  userFullName: "IoT agent",
  configFolder: "/etc/iot-agent",
  secretsFolder: IOT_AGENT.secretsFolder,
  stateFolder: "/var/lib/iot-agent",
  command: "iot provision",
  runName: "iot-provision",
};
