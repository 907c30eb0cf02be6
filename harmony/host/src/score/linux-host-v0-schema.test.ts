import { formatIssues } from "@harmony/core";
import { expect, test } from "vitest";
import { APPLICATION } from "../../test/application.ts";
import { linuxHostV0 } from "../linux-host-v0.ts";

const VARIANT = linuxHostV0(APPLICATION);

test("nothing said is a whole Score", () => {
  const parsed = VARIANT.parse({});
  expect(parsed.ok && parsed.value).toMatchObject({
    packages: expect.arrayContaining(["podman", "systemd-container", "openssh-server", "curl", "jq"]) as unknown,
    agentUser: { name: "iot-agent", groups: ["dialout", "gpio", "i2c", "spi", "video"], authorizedKeys: [] },
    directories: [
      { path: "/etc/iot-agent", mode: "0750", owner: "root" },
      { path: "/etc/iot-agent/secrets", mode: "0750", owner: "root" },
      { path: "/var/lib/iot-agent", mode: "0700", owner: "agentUser" },
    ],
    unprivilegedPortStart: 80,
  });
});

test.each([
  [{ pakages: [] }, "pakages: is not a known field"],
  [{ packages: ["podman; reboot"] }, 'packages[0]: expected a Debian package\'s name (a-z, 0-9, +, . and -), found "podman; reboot"'],
  [{ agentUser: { name: "-x" } }, "agentUser.name: expected an account's name"],
  [{ agentUser: { authorizedKeys: ["-----BEGIN OPENSSH PRIVATE KEY-----"] } }, "agentUser.authorizedKeys[0]: expected a public key"],
  [{ agentUser: { authorizedKeys: ["ssh-ed25519 AAAA me\nssh-ed25519 BBBB you"] } }, "agentUser.authorizedKeys[0]: expected a public key"],
  [{ directories: [{ path: "/etc/../root", mode: "0750" }] }, "directories[0].path: expected an absolute path"],
  [
    { directories: [{ path: "/home/iot-agent/conf", mode: "0750", owner: "root" }] },
    "directories: expected a folder of root's where only root may write",
  ],
  [
    {
      directories: [
        { path: "/srv/a/b", mode: "0750", owner: "root" },
        { path: "/srv/a", mode: "0750" },
      ],
    },
    "directories: expected a folder of root's where only root may write",
  ],
  [{ directories: [{ path: "/etc/a", mode: "750" }] }, "directories[0].mode: expected a mode in octal"],
  [{ journal: { maxUse: "200 MB" } }, "journal.maxUse: expected a size for journald"],
  [{ unprivilegedPortStart: 70_000 }, "unprivilegedPortStart: expected at most 65535, found 70000"],
  [{ containersConf: { pastaOptions: ['"'] } }, "containersConf.pastaOptions[0]:"],
  [{ staticAddress: { address: "10.0.0.2", gateway: "10.0.0.1" } }, "staticAddress.address: expected an IPv4 address with the length"],
  [{ staticAddress: { address: "10.0.0.2/33", gateway: "10.0.0.1" } }, "staticAddress.address: expected an IPv4 address with the length"],
  [{ staticAddress: { address: "10.0.0.256/24", gateway: "10.0.0.1" } }, "staticAddress.address: expected an IPv4 address"],
  [{ staticAddress: { address: "10.0.0.2/24", gateway: "10.0.1.1" } }, "staticAddress.gateway: expected a gateway inside"],
  [{ staticAddress: { address: "10.0.0.2/24", gateway: "10.0.0.2" } }, "staticAddress.gateway: expected a gateway inside"],
  [{ staticAddress: { address: "10.0.0.2/24", gateway: "router" } }, "staticAddress.gateway: expected an IPv4 address"],
])("%j is refused where it is wrong", (data, message) => {
  const parsed = VARIANT.parse(data);
  expect(parsed.ok ? "" : formatIssues(parsed.issues)).toContain(message);
});

test.each([
  ["10.0.0.2/24", "10.0.0.254"],
  ["192.168.255.2/16", "192.168.0.1"],
  ["200.0.0.130/31", "200.0.0.131"],
])("%s may have the gateway %s", (address, gateway) => {
  expect(VARIANT.parse({ staticAddress: { address, gateway } }).ok).toBe(true);
});
