import { expect, test } from "vitest";
import type { NetworkManagement } from "../model/address-change.ts";
import { APPLICATION } from "../../test/application.ts";
import { addressChange } from "./static-address.ts";

const WANTED = { address: "192.168.1.20/24", gateway: "192.168.1.1", dns: ["192.168.1.1", "9.9.9.9"] };
const WRITTEN = "# Written by `iot provision`, which writes it again when it differs.\n";

const kept = (manager: NetworkManagement, wanted = WANTED) => addressChange(APPLICATION, { manager, link: "eth0", wanted }).files;

test("for systemd-networkd", () => {
  const text = `${WRITTEN}[Match]\nName=eth0\n\n[Network]\nAddress=192.168.1.20/24\nGateway=192.168.1.1\nDNS=192.168.1.1\nDNS=9.9.9.9\n`;
  expect(kept("systemd-networkd")).toEqual([{ path: "/etc/systemd/network/05-iot-agent.network", text }]);
});

test("for netplan", () => {
  const text = `${WRITTEN}network:
  version: 2
  ethernets:
    eth0:
      dhcp4: false
      addresses: [192.168.1.20/24]
      routes:
        - {to: default, via: 192.168.1.1}
      nameservers: {addresses: [192.168.1.1, 9.9.9.9]}
`;
  expect(kept("netplan")).toEqual([{ path: "/etc/netplan/99-iot-agent.yaml", text }]);
});

test("for NetworkManager, whose trial has a name of its own", () => {
  const text = (id: string): string => `${WRITTEN}[connection]
id=${id}
type=ethernet
interface-name=eth0
autoconnect-priority=900

[ipv4]
method=manual
address1=192.168.1.20/24,192.168.1.1
dns=192.168.1.1;9.9.9.9;

[ipv6]
method=auto
`;
  const { files, trials } = addressChange(APPLICATION, { manager: "NetworkManager", link: "eth0", wanted: WANTED });
  expect(files).toEqual([{ path: "/etc/NetworkManager/system-connections/iot-agent.nmconnection", text: text("iot-agent") }]);
  expect(trials).toEqual([{ path: "/run/NetworkManager/system-connections/iot-agent-trial.nmconnection", text: text("iot-agent-trial") }]);
});

test.each(["netplan", "NetworkManager", "systemd-networkd"] as const)("without a name server none is written: %s", (manager) => {
  expect(kept(manager, { ...WANTED, dns: [] })[0]?.text).not.toMatch(/dns|nameservers/i);
});

test.each(["netplan", "NetworkManager", "systemd-networkd"] as const)("what is tried lies where a restart forgets it: %s", (manager) => {
  for (const { path } of addressChange(APPLICATION, { manager, link: "eth0", wanted: WANTED }).trials) expect(path).toMatch(/^\/run\//);
});

test("netplan's other files lose the interface's addresses and nothing else", () => {
  const image = {
    path: "/etc/netplan/50-cloud-init.yaml",
    text: `# the vendor's
network:
  version: 2
  ethernets:
    eth0:
      match: {macaddress: "aa:bb:cc:dd:ee:ff"}
      addresses: [10.0.0.2/24]
      routes: [{to: default, via: 10.0.0.1}]
    eth1:
      addresses: [10.1.0.2/24]
`,
  };
  const others = [
    { path: "/etc/netplan/10-dhcp.yaml", text: "network: {ethernets: {eth0: {dhcp4: true}}}\n" },
    { path: "/etc/netplan/99-iot-agent.yaml", text: "network: {ethernets: {eth0: {addresses: [10.0.0.9/24]}}}\n" },
    { path: "/etc/sysctl.d/60-iot-agent.conf", text: "network:\n" },
    { path: "/etc/netplan/00-empty.yaml", text: "" },
    { path: "/etc/netplan/01-wrong.yaml", text: "network: [\n" },
  ];
  const { files, trials } = addressChange(APPLICATION, {
    manager: "netplan",
    link: "eth0",
    wanted: WANTED,
    there: [image, ...others],
  });
  expect(files.map(({ path }) => path)).toEqual(["/etc/netplan/99-iot-agent.yaml", image.path]);
  expect(trials.map(({ path }) => path)).toEqual(["/run/netplan/99-iot-agent.yaml", "/run/netplan/50-cloud-init.yaml"]);
  expect(files[1]?.text).toContain("# the vendor's");
  expect(files[1]?.text).toContain("aa:bb:cc:dd:ee:ff");
  expect(files[1]?.text).toContain("10.1.0.2/24");
  expect(files[1]?.text).not.toContain("10.0.0.");
});
