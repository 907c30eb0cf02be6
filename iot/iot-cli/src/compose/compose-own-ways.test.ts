// What a Compose service sets for itself of names, memory, kernel and devices, and what becomes of
// it.

import { expect, test } from "vitest";
import { parse } from "yaml";
import { convertCompose } from "./convert-compose.ts";
import { listOf, mapOf } from "./notes.ts";

/** A service of this one field, and what is told of it. */
function service(field: string): object {
  const text = `services:\n  web:\n    image: nginx\n    restart: always\n    ${field}\n`;
  const { text: yaml, notes } = convertCompose(text, { file: "compose.yaml", name: "x", device: "pi-7", readBeside: () => null });
  const { data } = mapOf(mapOf(mapOf(parse(yaml))["spec"])["score"]);
  const { name: _, image: __, ...rest } = mapOf(listOf(mapOf(data)["services"])[0]);
  return { ...rest, notes: notes.map(({ path, message }) => `${path.replace("services.web.", "")}: ${message}`) };
}

test.each<readonly [field: string, becomes: object]>([
  [
    "extra_hosts: ['plc:10.0.0.7', 'v6=::1', 'host.docker.internal:host-gateway']",
    { extraHosts: ["plc:10.0.0.7", "v6:::1", "host.docker.internal:host-gateway"], notes: [] },
  ],
  ["extra_hosts: { plc: [10.0.0.7, 10.0.0.8] }", { extraHosts: ["plc:10.0.0.7", "plc:10.0.0.8"], notes: [] }],
  ["dns: 192.168.1.1", { dns: ["192.168.1.1"], notes: [] }],
  ["sysctls: [net.core.somaxconn=1024]", { sysctls: { "net.core.somaxconn": "1024" }, notes: [] }],
  [
    "sysctls: { vm.max_map_count: 262144 }",
    {
      sysctls: {},
      notes: [
        'sysctls.vm.max_map_count: is not taken over: is the whole device\'s, which rootless Podman cannot set: put it into /etc/sysctl.d on the device, found "262144"',
      ],
    },
  ],
  ["ulimits: { nofile: { soft: 1024, hard: 4096 }, nproc: 99 }", { ulimits: { nofile: { soft: 1024, hard: 4096 }, nproc: 99 }, notes: [] }],
  ["shm_size: 256m", { shmSize: "256Mi", notes: [] }],
  ["hostname: reader", { hostname: "reader", notes: [] }],
  [
    "networks: { plant: { aliases: [opc, plc] } }",
    {
      aliases: ["opc", "plc"],
      notes: ["networks: is not taken over: the services of a deployment share one network and find each other by name"],
    },
  ],
  [
    "devices: ['/dev/bus/usb:/dev/bus/usb']",
    {
      devices: ["/dev/bus/usb"],
      notes: [
        'devices[0]: is a device, which the device\'s policy has to allow: devices = ["/dev/bus/usb"] under [policy] in its config.toml',
      ],
    },
  ],
  ["group_add: [4242]", { groupAdd: ["4242"], notes: [] }],
  [
    "volumes: ['/dev/bus/usb:/dev/bus/usb', '/dev:/dev', '/dev/shm:/dev/shm']",
    {
      volumes: ["/dev/shm:/dev/shm"],
      devices: ["/dev/bus/usb"],
      notes: [
        'volumes[0]: has become an entry of `devices`, since a volume opens no device; the device\'s policy has to allow it: devices = ["/dev/bus/usb"] under [policy] in its config.toml',
        "volumes[1]: is every device there is: it is not taken over; name those that it needs in `devices`",
        'volumes[2]: is a path of the device, which its policy has to allow: host_paths = ["/dev/shm"] under [policy] in its config.toml',
      ],
    },
  ],
  [
    "volumes: ['/etc/localtime:/etc/localtime:ro']",
    {
      env: { TZ: { device: "timezone" } },
      notes: ["volumes[0]: has become the variable TZ with the device's time zone; an image without time zones (tzdata) goes by UTC"],
    },
  ],
])("%s", (field, becomes) => {
  expect(service(field)).toEqual(becomes);
});
