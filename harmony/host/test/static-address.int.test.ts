// A static address through each of the three programs that may manage a device's network. The
// device itself takes back one whose gateway is not there; a right one stays; from there the device
// takes back one at which nobody can reach it, too. Everything else in the Score is switched off,
// so that only the address is seen.

import { type BlankDevice, eventually, startBlankDevice } from "@iot/testkit";
import { expect, test } from "vitest";
import type { HostInterpret } from "../src/index.ts";
import { desired, interpretOn, sshOptions } from "./scene.ts";

const signal = new AbortController().signal;
/** Where the address never answers, the test waits for all of it. */
const SHORT_MS = 4_000;
const LONG_MS = 40_000;
const TEST_TIMEOUT_MS = 300_000;

interface Management {
  readonly name: "netplan" | "NetworkManager" | "systemd-networkd";
  /** A vendor image's file for its own network, and the commands that switch it on. */
  readonly own: (address: string, gateway: string) => { readonly path: string; readonly text: string };
  readonly start: string;
  readonly kept: string;
  /** None of these files of a tried address may be left. */
  readonly trial: string;
}

const MANAGEMENTS: readonly Management[] = [
  {
    name: "systemd-networkd",
    own: (address, gateway) => ({
      path: "/etc/systemd/network/50-own.network",
      text: `[Match]\nName=host0\n[Network]\nAddress=${address}\nGateway=${gateway}\n`,
    }),
    start: "systemctl enable --quiet --now systemd-networkd",
    kept: "/etc/systemd/network/05-iot-agent.network",
    trial: "/run/systemd/network/04-iot-agent-trial.network",
  },
  {
    name: "netplan",
    own: (address, gateway) => ({
      path: "/etc/netplan/50-own.yaml",
      text: `network: {version: 2, ethernets: {host0: {addresses: [${address}], routes: [{to: default, via: ${gateway}}]}}}\n`,
    }),
    // A container has no udev; netplan reports to it what it has written.
    start:
      "printf '#!/bin/sh\\n' >/usr/local/bin/udevadm; chmod +x /usr/local/bin/udevadm; chmod 0600 /etc/netplan/*; netplan generate; systemctl enable --quiet --now systemd-networkd",
    kept: "/etc/netplan/99-iot-agent.yaml",
    trial: "/run/netplan/99-iot-agent.yaml",
  },
  {
    name: "NetworkManager",
    own: (address, gateway) => ({
      path: "/etc/NetworkManager/system-connections/own.nmconnection",
      text: `[connection]\nid=own\ntype=ethernet\ninterface-name=host0\n[ipv4]\nmethod=manual\naddress1=${address},${gateway}\n`,
    }),
    start: "chmod 0600 /etc/NetworkManager/system-connections/*; systemctl enable --quiet --now NetworkManager; nmcli connection up own",
    kept: "/etc/NetworkManager/system-connections/iot-agent.nmconnection",
    trial: "/run/NetworkManager/system-connections/iot-agent-trial.nmconnection",
  },
];

test.concurrent.each(MANAGEMENTS)("a wrong address is taken back, a right one stays: $name", { timeout: TEST_TIMEOUT_MS }, async (each) => {
  await using device = await startBlankDevice({ name: each.name.toLowerCase(), image: "vendor" });
  const own = each.own(`${device.address}/30`, device.hostAddress);
  await device.writeFile(own.path, own.text);
  await device.exec(["sh", "-ec", each.start]);
  await eventually(async () => (await managed(device)) || Promise.reject(new Error(await addresses(device))), {
    what: `${each.name} looks after the network`,
    timeoutMs: 60_000,
  });
  // The other /30 lies beside the device's own, with the host at its other end.
  const inOther = (address: string): string => address.replace(/^10\.213\./, "10.214.");
  const other = { device: inOther(device.address), host: inOther(device.hostAddress) };
  await device.addHostAddress(`${other.host}/30`);

  const undone = async (confirmWithinMs: number, staticAddress: StaticAddress, backAt: string): Promise<string> => {
    const { phase, reason, message } = await provisioned(device, backAt, confirmWithinMs, (host) =>
      host.reconcile(score(staticAddress), { signal }),
    );
    expect({ phase, reason }).toEqual({ phase: "Failed", reason: "AddressUndone" });
    expect(message).toContain(`it is back at ${backAt}`);
    expect(await addresses(device)).toContain(`${backAt}/30`);
    expect(await there(device, each.trial)).toBe(false);
    return message;
  };

  // In the larger network another host could be the gateway, and none is.
  const nobody = other.device.replace(/\d+$/, (last) => String(Number(last) ^ 8));
  const message = await undone(LONG_MS, { address: `${other.device}/24`, gateway: nobody }, device.address);
  expect(message).toContain(`the gateway ${nobody} did not answer it`);
  expect(await there(device, each.kept)).toBe(false);

  const right = score({ address: `${other.device}/30`, gateway: other.host });
  await provisioned(device, device.address, LONG_MS, async (host) => {
    const report = await host.reconcile(right, { signal });
    expect(report).toMatchObject({ phase: "Running", steps: [{ outcome: { kind: "changed" } }] });
    expect(report.steps[0]?.step).toContain(`through ${each.name}`);
    expect((await host.explain(right, signal)).planned).toEqual([]);
  });
  expect(await addresses(device)).toContain(`${other.device}/30`);
  expect(await addresses(device)).not.toContain(`${device.address}/30`);
  expect([await there(device, each.kept), await there(device, each.trial)]).toEqual([true, false]);

  const nowhere = { address: "10.215.0.2/30", gateway: "10.215.0.1" };
  expect(await undone(SHORT_MS, nowhere, other.device)).toContain("did not answer within 4 s");
  expect(await there(device, each.kept)).toBe(true);
});

interface StaticAddress {
  readonly address: string;
  readonly gateway: string;
}

function score(staticAddress: StaticAddress): ReturnType<typeof desired> {
  const nothingElse = { packages: ["openssh-server"], directories: [], podmanSocket: false, timeSync: false, memoryController: false };
  return desired({ ...nothingElse, staticAddress });
}

async function provisioned<T>(
  device: BlankDevice,
  at: string,
  confirmWithinMs: number,
  use: (host: HostInterpret) => Promise<T>,
): Promise<T> {
  const host = interpretOn({ ...sshOptions(device), host: at, acceptNewHostKey: true }, confirmWithinMs);
  try {
    // The first run makes all but the address, so that the later ones show it alone.
    const { staticAddress: _, ...rest } = score({ address: "10.0.0.2/24", gateway: "10.0.0.1" }).data ?? {};
    await host.reconcile(desired(rest), { signal });
    return await use(host);
  } finally {
    await host.close();
  }
}

async function managed(device: BlankDevice): Promise<boolean> {
  const { stdout } = await device.exec(["ip", "-4", "route", "show", "default"]);
  return stdout.includes("proto static");
}

async function addresses(device: BlankDevice): Promise<string> {
  return (await device.exec(["ip", "-4", "-brief", "address", "show", "host0"])).stdout;
}

async function there(device: BlankDevice, path: string): Promise<boolean> {
  return (await device.exec(["test", "-e", path], { allowExitCodes: [0, 1] })).exitCode === 0;
}
