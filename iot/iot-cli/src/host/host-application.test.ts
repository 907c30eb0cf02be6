// What a host bears of this platform: under other names, one that was provisioned before has its
// files, its user and its address twice.

import { expect, test } from "vitest";
import { IOT_HOST } from "./host-application.ts";

test("user, folders, files and units of a host are called as at v0.1.0", () => {
  expect(IOT_HOST).toEqual({
    program: "iot-agent",
    user: "iot-agent",
    userFullName: "IoT agent",
    configFolder: "/etc/iot-agent",
    secretsFolder: "/etc/iot-agent/secrets",
    stateFolder: "/var/lib/iot-agent",
    command: "iot provision",
    runName: "iot-provision",
  });
});
