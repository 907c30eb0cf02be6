// The fields by which a service uses the device: how each is read, and the answer to a wrong or
// impossible one.

import { formatIssues } from "@harmony/core";
import { describe, expect, test } from "vitest";
import { APPLICATION } from "../../test/application.ts";
import { podmanV0Parser } from "./parse-podman-v0.ts";

const parsePodmanV0 = podmanV0Parser(APPLICATION);

const service = { name: "web", image: "nginx:alpine" };
const byId = "/dev/serial/by-id/usb-ACME_Meter-if00";
const byPath = "/dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2:1.0-port0";

function complaint(field: object): string {
  const parsed = parsePodmanV0({ services: [{ ...service, ...field }] });
  return parsed.ok ? "none" : formatIssues(parsed.issues);
}

test.each<readonly [field: object, read: object]>([
  [
    { env: { A: { secret: "db-1" }, B: { device: "id" }, C: { device: "labels.site" } } },
    { env: { A: { secret: "db-1" }, B: { device: "id" }, C: { device: "labels.site" } } },
  ],
  [{ files: [{ path: "/etc/app", content: "x" }] }, { files: [{ path: "/etc/app", content: "x", mode: 0o444 }] }],
  [{ files: [{ path: "/bin/x", content: "", mode: "0755" }] }, { files: [{ mode: 0o755 }] }],
  [{ secrets: [{ name: "db" }] }, { secrets: [{ name: "db" }] }],
  [{ secrets: [{ name: "db", path: "/etc/db" }] }, { secrets: [{ name: "db", path: "/etc/db" }] }],
  [{ devices: [`${byId}:/dev/meter`] }, { devices: [{ node: byId, path: "/dev/meter" }] }],
  [{ devices: [`${byId}:/dev/meter:rwm`] }, { devices: [{ node: byId, path: "/dev/meter" }] }],
  [{ devices: ["/dev/i2c-1"] }, { devices: [{ node: "/dev/i2c-1", path: "/dev/i2c-1" }] }],
  [{ devices: [byPath] }, { devices: [{ node: byPath, path: byPath }] }],
  [{ devices: [`${byPath}:/dev/meter:rw`] }, { devices: [{ node: byPath, path: "/dev/meter" }] }],
  [{ volumes: ["/srv/data:/data:ro"] }, { volumes: [{ kind: "hostPath", source: "/srv/data", path: "/data", readOnly: true }] }],
  [{ network: "host" }, { network: "host" }],
  [
    { capAdd: ["cap_net_admin"], capDrop: ["all", "CHOWN"] },
    { capAdd: ["NET_ADMIN"], capDrop: ["ALL", "CHOWN"] },
  ],
  [{ logging: {} }, { logging: { driver: "journald", maxSize: null } }],
  [{ logging: { driver: "none" } }, { logging: { driver: "none", maxSize: null } }],
  [{ logging: { driver: "json-file" } }, { logging: { driver: "k8s-file", maxSize: 10 * 2 ** 20 } }],
  [{ logging: { maxSize: "1Mi" } }, { logging: { driver: "k8s-file", maxSize: 2 ** 20 } }],
  [{ env: { TZ: { device: "timezone" } } }, { env: { TZ: { device: "timezone" } } }],
  [{ shmSize: "256Mi" }, { shmSize: 256 * 2 ** 20 }],
  [
    { extraHosts: ["plc:192.168.1.7", "v6.plant=[2001:db8::7]", "device:host-gateway"] },
    {
      extraHosts: [
        { name: "plc", address: "192.168.1.7" },
        { name: "v6.plant", address: "2001:db8::7" },
        { name: "device", address: "host-gateway" },
      ],
    },
  ],
  [{ dns: ["192.168.1.1", "2001:db8::1"] }, { dns: ["192.168.1.1", "2001:db8::1"] }],
  [{ sysctls: { "net.core.somaxconn": 1024, "net/ipv4/conf/eth0.1/forwarding": "1" } }, { sysctls: { "net.core.somaxconn": "1024" } }],
  [
    { ulimits: { nofile: 65536, core: { soft: 0, hard: 10 } } },
    { ulimits: { nofile: { soft: 65536, hard: 65536 }, core: { soft: 0, hard: 10 } } },
  ],
  [
    { hostname: "reader.plant", aliases: ["opc_reader", "db"] },
    { hostname: "reader.plant", aliases: ["opc_reader", "db"] },
  ],
  [{ groupAdd: ["dialout", "4242"] }, { groupAdd: ["dialout", "4242"] }],
  [{ devices: ["/dev/bus/usb"] }, { devices: [{ node: "/dev/bus/usb", path: "/dev/bus/usb" }] }],
])("%j is read", (field, read) => {
  expect(parsePodmanV0({ services: [{ ...service, ...field }] })).toMatchObject({ ok: true, value: { services: [read] } });
});

describe("what cannot be", () => {
  const FORM = 'expected "name:/path[:ro]", e.g. "data:/var/lib/app", or a path of the device, "/srv/data:/data[:ro]"';
  const PLAIN = "expected a plain path: without .., . or doubled or trailing /";
  test.each<readonly [field: object, says: string]>([
    [
      { env: { A: { secret: 1 } } },
      "env.A.secret: expected the name of a secret (a file's name: letters, digits, _, . and -), in quotes, found 1",
    ],
    [{ env: { A: { device: "site" } } }, 'env.A.device: expected id, timezone or labels.NAME, found "site"'],
    [{ env: { A: ["x"] } }, 'env.A: expected text, {secret: NAME}, {device: id}, {device: timezone} or {device: labels.NAME}, found ["x"]'],
    [{ volumes: ["data"] }, `volumes[0]: ${FORM}, found "data"`],
    [{ volumes: ["/srv/../etc:/data"] }, `volumes[0]: ${PLAIN}, found "/srv/../etc:/data"`],
    [{ volumes: ["/srv//x:/data"] }, `volumes[0]: ${PLAIN}, found "/srv//x:/data"`],
    [
      { volumes: ["./x:/srv"] },
      'volumes[0]: a path of the device begins with /, since a Score has no folder of its own: use "/srv/data:/data" or a named volume, found "./x:/srv"',
    ],
    [
      { files: [{ path: "etc/app", content: "" }] },
      'files[0].path: expected an absolute path in the container, e.g. "/etc/app/app.toml", found "etc/app"',
    ],
    [
      { files: [{ path: "/a", content: "", mode: 644 }] },
      'files[0].mode: expected permissions in octal, e.g. "0644", in quotes, found 644',
    ],
    [
      { files: [{ target: "/a", content: "" }] },
      'files[0].path: expected an absolute path in the container, e.g. "/etc/app/app.toml", in quotes; files[0].target: is not a field of PodmanV0: use path',
    ],
    [{ secrets: ["db"] }, 'secrets[0]: expected a map, found "db"'],
    [
      { secrets: [{ name: "../shadow" }] },
      'secrets[0].name: expected the name of a secret (a file\'s name: letters, digits, _, . and -), found "../shadow"',
    ],
    [{ devices: ["/dev/../etc/x"] }, `devices[0]: ${PLAIN}, found "/dev/../etc/x"`],
    [
      { devices: ["/etc/x"] },
      'devices[0]: expected "/dev/…[:/dev/name]", e.g. "/dev/serial/by-id/usb-ACME_Meter-if00:/dev/meter", found "/etc/x"',
    ],
    [
      { devices: ["/dev/i2c-1:r"] },
      'devices[0]: rootless Podman cannot take away the right to read or write a device: leave it out; the node\'s own permissions count, found "/dev/i2c-1:r"',
    ],
    [{ network: "bridge" }, 'network: expected "host", found "bridge"'],
    [
      { network: "host", ports: ["80:80"] },
      'ports: means nothing with network: host, where the service has the device\'s own ports: leave ports out, or network, found ["80:80"]',
    ],
    [
      { network: "host", capAdd: ["NET_RAW"] },
      'capAdd[0]: rootless Podman cannot give raw Ethernet on the device\'s network: run that program on the device itself, as a systemd service, with AmbientCapabilities=CAP_NET_RAW, found "NET_RAW"',
    ],
    [
      { capAdd: ["SYS_NICE"] },
      'capAdd[0]: rootless Podman cannot give real-time priority: run that program on the device itself, as a systemd service, where CPUSchedulingPolicy= gives it, found "SYS_NICE"',
    ],
    [
      { rtprio: 50 },
      "rtprio: is refused: rootless Podman cannot give real-time priority: run that program on the device itself, as a systemd service, where CPUSchedulingPolicy= gives it",
    ],
    [{ capAdd: ["ALL"] }, 'capAdd[0]: is every right there is: name the ones that are needed, found "ALL"'],
    [{ capAdd: ["FLY"] }, 'capAdd[0]: expected a capability, e.g. "NET_ADMIN", found "FLY"'],
    [
      { logging: { driver: "journald", maxSize: "1Mi" } },
      'logging.maxSize: is for the driver k8s-file alone: the device\'s journal has a limit of its own (SystemMaxUse= in journald.conf), found "1Mi"',
    ],
    [{ extraHosts: ["plc"] }, 'extraHosts[0]: expected "name:address", e.g. "plc:192.168.1.7" or "device:host-gateway", found "plc"'],
    [
      { extraHosts: ["plc:plc.lan"] },
      'extraHosts[0]: expected "name:address", e.g. "plc:192.168.1.7" or "device:host-gateway", found "plc:plc.lan"',
    ],
    [{ dns: ["router"] }, 'dns[0]: expected the address of a name server, e.g. "192.168.1.1", found "router"'],
    [
      { sysctls: { "vm.max_map_count": "262144" } },
      'sysctls.vm.max_map_count: is the whole device\'s, which rootless Podman cannot set: put it into /etc/sysctl.d on the device, found "262144"',
    ],
    [
      { sysctls: { "net.ipv4/../../x": "1" } },
      'sysctls.net.ipv4/../../x: expected the name of a sysctl, e.g. "net.core.somaxconn", found "1"',
    ],
    [
      { network: "host", sysctls: { "net.core.somaxconn": "1" } },
      'sysctls.net.core.somaxconn: is the device\'s own with network: host: put it into /etc/sysctl.d on the device, or leave network out, found "1"',
    ],
    [
      { network: "host", aliases: ["db"] },
      'aliases: mean nothing with network: host, where other services reach it by the device\'s name, found ["db"]',
    ],
    [
      { ulimits: { nofile: -1 } },
      "ulimits.nofile: expected a number, since rootless Podman cannot lift a limit above that of the device's user, found -1",
    ],
    [
      { ulimits: { nofile: { soft: 2, hard: 1 } } },
      'ulimits.nofile: its soft limit 2 is above its hard limit 1, found {"soft":2,"hard":1}',
    ],
    [
      { ulimits: { rtprio: 1 } },
      "ulimits.rtprio: is refused: rootless Podman cannot give real-time priority: run that program on the device itself, as a systemd service, where CPUSchedulingPolicy= gives it, found 1",
    ],
    [{ hostname: "-x" }, 'hostname: expected a host name, e.g. "reader" or "reader.plant", found "-x"'],
    [{ groupAdd: ["Dial Out"] }, 'groupAdd[0]: expected the name or number of a group, e.g. "dialout" or "20", found "Dial Out"'],
    [
      { groupAdd: ["20"], devices: ["/dev/i2c-1"] },
      'groupAdd: means nothing beside devices and host paths, with which a service has the groups of the device\'s user: leave it out, and give that user the groups on the device, found ["20"]',
    ],
    [{ logging: { options: {} } }, "logging.options: is not a field of PodmanV0: use maxSize straight in logging"],
    [
      { volumes: ["a:/data"], files: [{ path: "/data", content: "" }] },
      'files[0]: puts something at /data, where volumes[0] does already, found {"path":"/data","content":""}',
    ],
  ])("%j is refused", (field, says) => {
    expect(complaint(field)).toBe(says.replaceAll(/(^|; )(?!the node)/g, "$1services[0]."));
  });
});
