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
    [{ env: { A: ["x"] } }, 'env.A: expected text, {secret: NAME}, {device: id} or {device: labels.NAME}, found ["x"]'],
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
    [{ logging: { options: {} } }, "logging.options: is not a field of PodmanV0: use maxSize straight in logging"],
    [
      { volumes: ["a:/data"], files: [{ path: "/data", content: "" }] },
      'files[0]: puts something at /data, where volumes[0] does already, found {"path":"/data","content":""}',
    ],
  ])("%j is refused", (field, says) => {
    expect(complaint(field)).toBe(says.replaceAll(/(^|; )(?!the node)/g, "$1services[0]."));
  });
});
