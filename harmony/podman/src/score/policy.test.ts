import { describe, expect, test } from "vitest";
import { CLOSED, parsed } from "../../test/scene.ts";
import { allowsPath, denied, type Policy } from "./policy.ts";

const by = (field: object, policy: Partial<Policy> = {}) =>
  denied({ ...CLOSED, ...policy }, parsed({ services: [{ name: "web", image: "x", ...field }] }), "iot-agent");
const meter = "/dev/serial/by-id/usb-ACME_Meter-if00";

describe("a device that opens nothing", () => {
  test.each<readonly [field: object, says: string]>([
    [
      { volumes: ["/srv/data:/data"] },
      'service "web" wants the host path /srv/data, which this device does not allow: the line `host_paths = ["/srv/data"]` under [policy] in /etc/iot-agent/config.toml would allow it; then `sudo systemctl restart iot-agent`',
    ],
    [
      { volumes: ["/srv:/data:ro"] },
      'service "web" wants to read the host path /srv, which this device does not allow: the line `host_paths = ["/srv:ro"]` ',
    ],
    [
      { devices: [meter] },
      `service "web" wants the device ${meter}, which this device does not allow: the line \`devices = ["${meter}"]\` `,
    ],
    [{ network: "host" }, 'service "web" wants the host\'s network, which this device does not allow: the line `host_network = true` '],
    [
      { capAdd: ["NET_ADMIN"] },
      'service "web" wants the capability NET_ADMIN, which this device does not allow: the line `capabilities = ["NET_ADMIN"]` ',
    ],
    [
      { network: "host", devices: ["/dev/i2c-1", "/dev/i2c-2"] },
      'service "web" wants the device /dev/i2c-1, service "web" wants the device /dev/i2c-2, service "web" wants the host\'s network, which this device does not allow: the lines `devices = ["/dev/i2c-1", "/dev/i2c-2"]` and `host_network = true` under [policy] in /etc/iot-agent/config.toml would allow them',
    ],
  ])("refuses %j and names the line", (field, says) => {
    expect(by(field)).toContain(says);
  });

  test("has nothing against what is the container's own", () => {
    expect(by({ volumes: ["data:/data"], capAdd: ["CHOWN"], capDrop: ["ALL"], secrets: [{ name: "db" }] })).toBeNull();
  });
});

test("what is open already stands in the line beside what is missing", () => {
  expect(by({ capAdd: ["NET_RAW", "NET_ADMIN"] }, { capabilities: ["NET_ADMIN"] })).toContain('`capabilities = ["NET_ADMIN", "NET_RAW"]`');
});

test.each<readonly [field: object, policy: Partial<Policy>]>([
  [{ volumes: ["/srv/data:/data"] }, { hostPaths: ["/srv/*"] }],
  [{ devices: [meter] }, { devices: ["/dev/serial/by-id/*"] }],
  [{ devices: ["/dev/ttyUSB12"] }, { devices: ["/dev/ttyUSB*"] }],
  [{ network: "host" }, { hostNetwork: true }],
  [{ capAdd: ["NET_ADMIN"] }, { capabilities: ["NET_ADMIN"] }],
])("%j is allowed by %j", (field, policy) => {
  expect(by(field, policy)).toBeNull();
});

test.each<readonly [glob: string, path: string, readOnly: boolean, allowed: boolean]>([
  ["/srv/*", "/srv", false, false],
  ["/srv/*", "/srv/a", false, true],
  ["/srv/*", "/srv/a/b", false, true],
  ["/srv/*", "/srvx/a", false, false],
  ["/srv/*.d", "/srv/axd", false, false],
  ["/srv/?", "/srv/ab", false, false],
  ["/**/shared", "/a/b/shared", false, true],
  ["/**/shared", "/a/b/sharedx", false, false],
  ["/etc/localtime:ro", "/etc/localtime", true, true],
  ["/etc/localtime:ro", "/etc/localtime", false, false],
  ["/srv/(a|b)+", "/srv/(a|b)+", false, true],
  ["/srv/(a|b)+", "/srv/a", false, false],
])("glob %s and path %s, read only %s: %s", (glob, path, readOnly, allowed) => {
  expect(allowsPath({ ...CLOSED, hostPaths: [glob] }, path, readOnly)).toBe(allowed);
});

test("a device's glob does not reach what lies below", () => {
  expect(by({ devices: ["/dev/bus/usb/001/002"] }, { devices: ["/dev/*"] })).not.toBeNull();
});
