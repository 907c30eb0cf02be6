import { describe, expect, test } from "vitest";
import type { HostFacts } from "../model/host-facts.ts";
import { linuxHostV0Schema } from "../score/linux-host-v0-schema.ts";
import { APPLICATION } from "../../test/application.ts";
import { managedFiles } from "../model/managed-files.ts";
import { plan } from "./planner.ts";
import { addressChange } from "./static-address.ts";
import type { HostStep } from "../model/step.ts";

const KEY = "ssh-ed25519 AAAAC3Nza me@laptop";
const OWNED = { owner: "iot-agent", group: "iot-agent" };
const SCHEMA = linuxHostV0Schema(APPLICATION);
const SCORE = SCHEMA.parse({});

/** A host as the default Score wants it. */
const READY: HostFacts = {
  system: { id: "debian", like: "", version: "13", name: "Debian GNU/Linux 13 (trixie)" },
  architecture: "aarch64",
  hostname: "pi",
  packages: SCORE.packages.map((name) => ({ name, version: "1" })),
  user: { uid: 1001, home: "/home/iot-agent", groups: ["iot-agent", "dialout", "video"] },
  groups: ["dialout", "video"],
  peopleOutside: [],
  subordinateUids: 65_536,
  subordinateGids: 65_536,
  lingers: true,
  podmanSocket: { enabled: "enabled", active: "active" },
  folders: SCORE.directories.map(({ path, mode, owner }) => ({
    path,
    mode,
    owner: owner === "root" ? "root" : "iot-agent",
    group: "iot-agent",
    holdsForeign: owner !== "root",
  })),
  files: managedFiles(APPLICATION, SCORE).map(({ path, text }) => ({ path, text, mode: "0644", owner: "root", group: "root" })),
  unprivilegedPortStart: 80,
  ssh: ["disabled", "enabled"],
  timeSync: [{ unit: "systemd-timesyncd", enabled: "enabled" }],
  controllers: ["cpu", "memory", "pids"],
  commandLine: null,
  interfaces: [
    { ifname: "lo", addr_info: [{ local: "127.0.0.1", prefixlen: 8 }] },
    { ifname: "eth0", addr_info: [{ local: "192.168.1.7", prefixlen: 24 }] },
  ],
  defaultRoute: { gateway: "192.168.1.1", dev: "eth0" },
  networkManager: [],
  networkd: [{ interface: "eth0", state: "configured" }],
  hasNetplan: false,
};

function planned(data: object, facts: Partial<HostFacts>): { steps: readonly HostStep[]; reasons: readonly string[] } {
  const desired = { name: "pi", revision: "1", scoreString: "", data: SCHEMA.parse(data), hold: null };
  const { steps, blocked } = plan(APPLICATION, desired, { ...READY, ...facts });
  return { steps, reasons: blocked.map(({ reason }) => reason) };
}

test("a host that is ready has nothing to do", () => {
  expect(planned({}, {})).toEqual({ steps: [], reasons: [] });
});

test("a removal is refused", () => {
  const { steps, blocked } = plan(APPLICATION, { name: "pi", revision: "1", scoreString: "", data: null, hold: null }, READY);
  expect(steps).toEqual([]);
  expect(blocked[0]?.reason).toBe("NotRemovable");
});

describe("each thing that differs is one step, and no other", () => {
  const ADDRESS = { address: "192.168.1.20/24", gateway: "192.168.1.1" };
  const KEYS = { path: "/home/iot-agent/.ssh/authorized_keys", mode: "0600", ...OWNED };
  const SSH_FOLDER = { path: "/home/iot-agent/.ssh", mode: "0700", ...OWNED, holdsForeign: true };
  const folder = (path: string, found: object) => ({
    folders: READY.folders.map((each) => (each.path === path ? { ...each, ...found } : each)),
  });
  const withKeys = (text: string) => ({ files: [...READY.files, { ...KEYS, text }], folders: [...READY.folders, SSH_FOLDER] });
  const cases: Record<string, [score: object, facts: Partial<HostFacts>, step: object | null]> = {
    "another host name": [{ hostname: "pi-2" }, {}, { kind: "set-hostname", hostname: "pi-2" }],
    "the same host name": [{ hostname: "pi" }, {}, null],
    "a package that is missing": [{ packages: ["podman", "tmux"] }, {}, { kind: "install-packages", packages: ["tmux"] }],
    "a Raspberry Pi OS without sshd at boot": [{}, { ssh: ["disabled", "disabled"] }, { kind: "enable-ssh" }],
    "a host that needs no sshd": [{ packages: ["podman"] }, { ssh: [] }, null],
    "another time service is as good": [{}, { timeSync: [{ unit: "chrony", enabled: "enabled" }] }, null],
    "a time service that is off": [
      {},
      {
        timeSync: [
          { unit: "systemd-timesyncd", enabled: "not-found" },
          { unit: "chrony", enabled: "disabled" },
        ],
      },
      { kind: "enable-time-sync", unit: "chrony" },
    ],
    "no time service wanted": [{ timeSync: false }, { timeSync: [] }, null],
    "a group that the host has": [
      {},
      { groups: ["dialout", "video", "gpio"] },
      { kind: "add-to-groups", user: "iot-agent", groups: ["gpio"] },
    ],
    "too few subordinate ids": [{}, { subordinateGids: 1000 }, { kind: "add-subordinate-ids", user: "iot-agent" }],
    "a person who may not ask the agent": [{}, { peopleOutside: ["pi"] }, { kind: "admit-people", group: "iot-agent", people: ["pi"] }],
    "no lingering": [{}, { lingers: false }, { kind: "enable-linger", user: "iot-agent" }],
    "a folder with other rights": [
      {},
      folder("/etc/iot-agent", { mode: "0755" }),
      { kind: "take-folder", path: "/etc/iot-agent", mode: "0750", user: "iot-agent" },
    ],
    "a folder of another owner": [
      {},
      folder("/var/lib/iot-agent", { owner: "root" }),
      { kind: "make-folder", path: "/var/lib/iot-agent", mode: "0700", owner: "iot-agent", group: "iot-agent", byOwner: false },
    ],
    "the configuration's folder as it was the user's": [
      {},
      folder("/etc/iot-agent", { owner: "iot-agent" }),
      { kind: "take-folder", path: "/etc/iot-agent", mode: "0750", user: "iot-agent" },
    ],
    "something of the user's in root's folder": [
      {},
      folder("/etc/iot-agent/secrets", { holdsForeign: true }),
      { kind: "take-folder", path: "/etc/iot-agent/secrets" },
    ],
    "a folder in one of the user's is made by that user": [
      { directories: [...SCORE.directories, { path: "/var/lib/iot-agent/more", mode: "0700" }] },
      {},
      { kind: "make-folder", path: "/var/lib/iot-agent/more", byOwner: true },
    ],
    "a file that somebody edited": [
      {},
      { files: READY.files.map((each) => (each.path.includes("sysctl") ? { ...each, text: `${each.text}#\n` } : each)) },
      { kind: "write-file", path: "/etc/sysctl.d/60-iot-agent.conf", effect: "sysctl" },
    ],
    "a setting that is written and not in force": [{}, { unprivilegedPortStart: 1024 }, { kind: "write-file", effect: "sysctl" }],
    "a kernel without that setting": [{}, { unprivilegedPortStart: null }, null],
    "a larger journal": [{ journal: { maxUse: "1G" } }, {}, { kind: "write-file", effect: "journald" }],
    "a key beside those that are there": [
      { agentUser: { authorizedKeys: [KEY] } },
      withKeys("ssh-rsa OTHER you\n"),
      { kind: "write-file", text: `ssh-rsa OTHER you\n${KEY}\n`, mode: "0600", owner: "iot-agent" },
    ],
    "a key that is there under another comment": [
      { agentUser: { authorizedKeys: [KEY] } },
      withKeys("ssh-ed25519 AAAAC3Nza other\n"),
      null,
    ],
    "a socket that is not active": [{}, { podmanSocket: { enabled: "enabled", active: "inactive" } }, { kind: "enable-podman-socket" }],
    "no socket wanted": [{ podmanSocket: false }, { podmanSocket: { enabled: "disabled", active: "inactive" } }, null],
    "a Pi whose firmware turns memory off": [
      {},
      { controllers: ["cpu", "pids"], commandLine: "console=tty1 root=/dev/mmcblk0p2 cgroup_memory=1\n" },
      {
        kind: "extend-command-line",
        path: "/boot/firmware/cmdline.txt",
        parameters: ["cgroup_enable=memory"],
        backup: "/boot/firmware/cmdline.txt.before-iot-provision",
        restartMark: "/run/iot-provision-restart",
      },
    ],
    "a static address": [
      { staticAddress: ADDRESS },
      {},
      { kind: "set-address", change: { manager: "systemd-networkd", interface: "eth0" } },
    ],
    "netplan before networkd": [{ staticAddress: ADDRESS }, { hasNetplan: true }, { change: { manager: "netplan" } }],
    "NetworkManager before netplan": [
      { staticAddress: ADDRESS },
      { hasNetplan: true, networkManager: [{ interface: "eth0", state: "connected" }] },
      { change: { manager: "NetworkManager" } },
    ],
    "NetworkManager that leaves the interface alone": [
      { staticAddress: ADDRESS },
      { hasNetplan: true, networkManager: [{ interface: "eth0", state: "unmanaged" }] },
      { change: { manager: "netplan" } },
    ],
  };
  test.each(Object.entries(cases))("%s", (_, [score, facts, step]) => {
    const { steps, reasons } = planned(score, facts);
    expect(reasons).toEqual([]);
    expect(steps).toHaveLength(step === null ? 0 : 1);
    if (step !== null) expect(steps[0]).toMatchObject(step);
  });
});

test("no time service at all: it is installed, then enabled", () => {
  const { steps } = planned({}, { timeSync: [{ unit: "systemd-timesyncd", enabled: "not-found" }] });
  expect(steps).toEqual([
    { kind: "install-packages", packages: ["systemd-timesyncd"] },
    { kind: "enable-time-sync", unit: "systemd-timesyncd" },
  ]);
});

test("a user that is not there is created with the groups that are, and gets its ids with it", () => {
  const { steps } = planned({}, { user: null, lingers: false, subordinateUids: 0, subordinateGids: 0 });
  expect(steps).toEqual([
    { kind: "create-user", user: "iot-agent", fullName: "IoT agent", groups: ["dialout", "video"] },
    { kind: "enable-linger", user: "iot-agent" },
  ]);
});

test("an address that is there and will be there after a restart is left alone; one of the two is not enough", () => {
  const wanted = { address: "192.168.1.20/24", gateway: "192.168.1.1" };
  const { files: kept } = addressChange(APPLICATION, {
    manager: "systemd-networkd",
    link: "eth0",
    wanted: { ...wanted, dns: [] },
  });
  const interfaces = [{ ifname: "eth0", addr_info: [{ local: "192.168.1.20", prefixlen: 24 }] }];
  const files = [...READY.files, ...kept.map((file) => ({ ...file, mode: "0644", owner: "root", group: "root" }))];
  const kinds = (facts: Partial<HostFacts>) => planned({ staticAddress: wanted }, facts).steps.map(({ kind }) => kind);
  expect(kinds({ interfaces, files })).toEqual([]);
  expect(kinds({ interfaces })).toEqual(["set-address"]);
  expect(kinds({ files })).toEqual(["set-address"]);
  expect(kinds({ interfaces, files, defaultRoute: { gateway: "192.168.1.254", dev: "eth0" } })).toEqual(["set-address"]);
});

describe("what stands in the way", () => {
  const staticAddress = { address: "192.168.1.20/24", gateway: "192.168.1.1" };
  const system = (id: string, version: string) => ({ system: { id, like: "", version, name: `${id} ${version}` } });
  test.each([
    ["another distribution", {}, system("fedora", "42"), "UnsupportedSystem"],
    ["a Debian too old", {}, system("debian", "12"), "PodmanTooOld"],
    ["an Ubuntu too old", {}, system("ubuntu", "22.04"), "PodmanTooOld"],
    ["a system user", {}, { user: { uid: 990, home: "/", groups: [] } }, "UserIsSystem"],
    ["a kernel without the memory controller", {}, { controllers: ["cpu"] }, "NoMemoryController"],
    [
      "a restart that is due",
      {},
      { controllers: ["cpu"], commandLine: "root=/dev/sda1 cgroup_enable=memory cgroup_memory=1\n" },
      "RestartNeeded",
    ],
    ["an interface that is not there", { staticAddress: { ...staticAddress, interface: "eth7" } }, {}, "NoInterface"],
    ["no route to tell the interface by", { staticAddress }, { defaultRoute: null }, "NoInterface"],
    [
      "an interface without a cable",
      { staticAddress: { ...staticAddress, interface: "wlan0" } },
      { interfaces: [{ ifname: "wlan0", addr_info: [] }] },
      "Wireless",
    ],
    ["a network that nobody manages", { staticAddress }, { networkd: [] }, "NetworkUnmanaged"],
  ])("%s", (_, score, facts, reason) => {
    expect(planned(score, facts)).toEqual({ steps: [], reasons: [reason] });
  });

  test.each([
    ["debian", "13"],
    ["debian", ""],
    ["ubuntu", "24.04"],
    ["raspbian", "13"],
  ])("%s %s is good", (id, version) => {
    expect(planned({}, system(id, version))).toEqual({ steps: [], reasons: [] });
  });

  test("memory that is not wanted does not stand in the way", () => {
    expect(planned({ memoryController: false }, { controllers: [] })).toEqual({ steps: [], reasons: [] });
  });
});
