// `iot provision`: what a person says of a host, as options.

import { defineCommand } from "../command-line/command.ts";
import { provision as provisionHost } from "./provision.ts";

export const provision = defineCommand({
  options: {
    host: { type: "string", value: "host", about: "its name or address, as ssh takes it" },
    user: { type: "string", value: "name", about: "who logs in, and may use sudo without a password" },
    port: { type: "string", value: "number", about: "sshd's port" },
    identity: { type: "string", value: "file", about: "the private key to log in with" },
    "known-hosts": { type: "string", value: "file", about: "the known host keys (default: ssh's own files)" },
    "accept-new-host-key": { type: "boolean", about: "takes the key of a host that was never seen before" },
    score: { type: "string", value: "file", about: "a LinuxHostV0 in YAML; without it a field device's usual" },
    "device-id": { type: "string", value: "id", about: "becomes the host's name" },
    "ssh-key": { type: "string", multiple: true, value: "file", about: "a public key that may log in as iot-agent; may be said again" },
    address: {
      type: "string",
      value: "cidr",
      about: "a static address such as 192.168.1.20/24; undone unless the host answers there within 60 s",
    },
    gateway: { type: "string", value: "address", about: "the default route that goes with it" },
    dns: { type: "string", multiple: true, value: "address", about: "a name server that goes with it; may be said again" },
    interface: { type: "string", value: "name", about: "the interface that gets it (default: the one with the default route)" },
    "dry-run": { type: "boolean", about: "prints what would be done" },
    "cloud-init": { type: "boolean", about: "prints the same as a cloud-init user-data file instead" },
    admin: {
      type: "string",
      value: "name",
      about: "in that file: the user who may log in with the same keys and use sudo (default: the image's own)",
    },
    "network-config": { type: "boolean", about: "prints the static address as cloud-init's network-config instead" },
  },
  run: (values, _operands, at) =>
    provisionHost(
      {
        ...values,
        knownHosts: values["known-hosts"],
        acceptNewHostKey: values["accept-new-host-key"],
        deviceId: values["device-id"],
        sshKey: values["ssh-key"] ?? [],
        dns: values.dns ?? [],
        dryRun: values["dry-run"],
        cloudInit: values["cloud-init"],
        networkConfig: values["network-config"],
      },
      at,
    ),
});
