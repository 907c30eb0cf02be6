import { expect, test } from "vitest";
import { parseFacts } from "./facts.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const PI = [
  ["system", "debian", "", "13", "Debian GNU/Linux 13 (trixie)"],
  ["architecture", "aarch64"],
  ["hostname", "pi"],
  ["package", "installed", "podman", "5.4.2"],
  ["package", "config-files", "jq", "1.7"],
  ["user", "1001", "/home/iot-agent", "iot-agent dialout"],
  ["socket", "enabled", "active"],
  ["group", "dialout"],
  ["people", " pi ana"],
  ["subuid", "65536"],
  ["subgid", "0"],
  ["lingers"],
  ["folder", "/etc/iot-agent", "750", "iot-agent", "iot-agent", "/"],
  ["folder", "/srv/a", "700", "root", "root", ""],
  ["file", "/etc/a", "644", "root", "root", base64("one\ttwo\n")],
  ["port-start", "80"],
  ["time", "systemd-timesyncd", "enabled"],
  ["time", "chrony", ""],
  ["ssh", "enabled", ""],
  ["controllers", "cpu memory pids"],
  ["command-line", base64("rootwait\n")],
  ["addresses", '[{"ifname":"eth0","addr_info":[{"local":"10.0.0.2","prefixlen":24,"family":"inet"}],"mtu":1500}]'],
  ["routes", '[{"dst":"default","scope":"link","dev":"tun0"},{"dst":"default","gateway":"10.0.0.1","dev":"eth0"}]'],
  ["networkd", "eth0", "configured"],
  ["netplan"],
];
const output = (lines: readonly (readonly string[])[]): string => `${lines.map((line) => line.join("\t")).join("\n")}\n`;

test("the lines of the script become facts", () => {
  expect(parseFacts(output(PI))).toEqual({
    system: { id: "debian", like: "", version: "13", name: "Debian GNU/Linux 13 (trixie)" },
    architecture: "aarch64",
    hostname: "pi",
    packages: [{ name: "podman", version: "5.4.2" }],
    user: { uid: 1001, home: "/home/iot-agent", groups: ["iot-agent", "dialout"] },
    groups: ["dialout"],
    peopleOutside: ["pi", "ana"],
    subordinateUids: 65_536,
    subordinateGids: 0,
    lingers: true,
    podmanSocket: { enabled: "enabled", active: "active" },
    folders: [
      { path: "/etc/iot-agent", mode: "0750", owner: "iot-agent", group: "iot-agent", holdsForeign: true },
      { path: "/srv/a", mode: "0700", owner: "root", group: "root", holdsForeign: false },
    ],
    files: [{ path: "/etc/a", mode: "0644", owner: "root", group: "root", text: "one\ttwo\n" }],
    unprivilegedPortStart: 80,
    timeSync: [
      { unit: "systemd-timesyncd", enabled: "enabled" },
      { unit: "chrony", enabled: "not-found" },
    ],
    ssh: ["enabled", ""],
    controllers: ["cpu", "memory", "pids"],
    commandLine: "rootwait\n",
    interfaces: [{ ifname: "eth0", addr_info: [{ local: "10.0.0.2", prefixlen: 24 }] }],
    defaultRoute: { gateway: "10.0.0.1", dev: "eth0" },
    networkManager: [],
    networkd: [{ interface: "eth0", state: "configured" }],
    hasNetplan: true,
  });
});

test("what a blank host does not have is reported as such", () => {
  const blank = ["user", "socket", "lingers", "command-line", "port-start", "routes", "netplan"];
  expect(parseFacts(output(PI.filter(([name]) => !blank.includes(name ?? ""))))).toMatchObject({
    user: null,
    podmanSocket: { enabled: "not-found", active: "inactive" },
    lingers: false,
    commandLine: null,
    unprivilegedPortStart: null,
    defaultRoute: null,
    hasNetplan: false,
  });
});

test("an answer that is none is refused with what is wrong in it", () => {
  expect(() => parseFacts("")).toThrow("failed to read the host's facts: system.id");
  expect(() => parseFacts(output(PI.map((line) => (line[0] === "user" ? ["user", "x", "/", ""] : line))))).toThrow("user.uid");
});
