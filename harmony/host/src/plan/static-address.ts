// Decides how an interface gets a static address through netplan, NetworkManager or
// systemd-networkd, whichever manages it. The address is tried from a file under /run, which a
// restart forgets, and moved to /etc when the host was reached under it (apply/set-address.ts), so
// a wrong one locks nobody out. Pure: the files' texts and the commands that make them count.

import { isMap, parseDocument } from "yaml";
import type { LinuxHostV0, StaticAddress } from "../score/linux-host-v0-schema.ts";
import { type AddressChange, addressFiles, NETPLAN_FOLDER, type NetworkManagement, type TextFile } from "../model/address-change.ts";
import { type HostApplication, writtenBy } from "../model/application.ts";
import type { HostFacts } from "../model/host-facts.ts";
import { quote } from "../model/shell-quote.ts";

/**
 * Null: no known manager has the interface. NetworkManager comes first, since it may have netplan's
 * files as its own.
 */
export function managementOf(facts: HostFacts, link: string): NetworkManagement | null {
  const state = (managed: HostFacts["networkd"]): string | undefined => managed.find((each) => each.interface === link)?.state;
  if (!["unmanaged", undefined].includes(state(facts.networkManager))) return "NetworkManager";
  if (facts.hasNetplan) return "netplan";
  return ["unmanaged", undefined].includes(state(facts.networkd)) ? null : "systemd-networkd";
}

export interface WantedAddress {
  readonly manager: NetworkManagement;
  /** The interface. */
  readonly link: string;
  readonly wanted: StaticAddress;
  /** The files on the host; netplan merges all of them. */
  readonly there?: readonly TextFile[];
}

export function addressChange(application: HostApplication, change: WantedAddress): AddressChange {
  const { manager, link, wanted } = change;
  const { runName } = application;
  const base = { manager, interface: link, address: wanted.address, gateway: wanted.gateway, runName };
  return { ...base, ...HOW[manager](application, change) };
}

type How = (
  application: HostApplication,
  change: WantedAddress,
) => Pick<AddressChange, "files" | "trials" | "applyTrial" | "undoTrial" | "keep">;

const HOW: Readonly<Record<NetworkManagement, How>> = {
  netplan(application, { link, wanted, there = [] }) {
    const path = addressFiles(application).netplan;
    const files = [{ path, text: netplanText(application, link, wanted) }, ...withoutAddress(link, there, path)];
    return {
      files,
      // Both folders use one name: a file under /run hides the one under /etc.
      trials: files.map(({ path, text }) => ({ path: path.replace(NETPLAN_FOLDER, "/run/netplan"), text })),
      applyTrial: "netplan apply",
      undoTrial: "netplan apply",
      keep: "netplan apply",
    };
  },
  NetworkManager(application, { link, wanted }) {
    const id = application.program;
    const trial = `${id}-trial`;
    const text = (id: string): string => keyfileText(application, { id, link, wanted });
    const up = (id: string): string => `nmcli connection reload && nmcli --wait 20 connection up ${id} ifname ${quote(link)}`;
    return {
      files: [{ path: addressFiles(application).NetworkManager, text: text(id) }],
      trials: [{ path: `/run/NetworkManager/system-connections/${trial}.nmconnection`, text: text(trial) }],
      applyTrial: up(trial),
      // Among the connections that are left, it chooses the one from before.
      undoTrial: `nmcli connection delete ${trial}; nmcli connection reload; nmcli --wait 20 device connect ${quote(link)}`,
      keep: up(id),
    };
  },
  "systemd-networkd"(application, { link, wanted }) {
    const text = networkdText(application, link, wanted);
    const reload = `networkctl reload && networkctl reconfigure ${quote(link)}`;
    return {
      files: [{ path: addressFiles(application)["systemd-networkd"], text }],
      // The first name that matches the interface counts.
      trials: [{ path: `/run/systemd/network/04-${application.program}-trial.network`, text }],
      applyTrial: reload,
      undoTrial: reload,
      keep: reload,
    };
  },
};

/**
 * The other files without the interface's addresses: netplan joins the lists of all files, so these
 * addresses would stay beside ours.
 */
function withoutAddress(link: string, there: readonly TextFile[], ours: string): readonly TextFile[] {
  return there.flatMap(({ path, text }) => {
    if (!path.startsWith(`${NETPLAN_FOLDER}/`) || path === ours) return [];
    const document = parseDocument(text);
    const device = document.getIn(["network", "ethernets", link]);
    if (document.errors.length > 0 || !isMap(device)) return [];
    const removed = ["addresses", "routes", "gateway4", "nameservers"].filter((key) => device.delete(key));
    return removed.length === 0 ? [] : [{ path, text: document.toString() }];
  });
}

/** Cloud-init takes the same as network-config, under the key `network`. */
export function netplanText(application: Pick<HostApplication, "command">, link: string, { address, gateway, dns }: StaticAddress): string {
  return [
    writtenBy(application),
    "network:",
    "  version: 2",
    "  ethernets:",
    `    ${link}:`,
    "      dhcp4: false",
    `      addresses: [${address}]`,
    "      routes:",
    `        - {to: default, via: ${gateway}}`,
    ...(dns.length === 0 ? [] : [`      nameservers: {addresses: [${dns.join(", ")}]}`]),
    "",
  ].join("\n");
}

function keyfileText(
  application: HostApplication,
  { id, link, wanted: { address, gateway, dns } }: { readonly id: string; readonly link: string; readonly wanted: StaticAddress },
): string {
  return [
    writtenBy(application),
    "[connection]",
    `id=${id}`,
    "type=ethernet",
    `interface-name=${link}`,
    "autoconnect-priority=900",
    "",
    "[ipv4]",
    "method=manual",
    `address1=${address},${gateway}`,
    ...(dns.length === 0 ? [] : [`dns=${dns.join(";")};`]),
    "",
    "[ipv6]",
    "method=auto",
    "",
  ].join("\n");
}

function networkdText(application: HostApplication, link: string, { address, gateway, dns }: StaticAddress): string {
  return [
    writtenBy(application),
    "[Match]",
    `Name=${link}`,
    "",
    "[Network]",
    `Address=${address}`,
    `Gateway=${gateway}`,
    ...dns.map((server) => `DNS=${server}`),
    "",
  ].join("\n");
}

/** Whether the host has the wanted address now and will have it after a restart. */
export function hasAddress(facts: HostFacts, change: AddressChange): boolean {
  const link = facts.interfaces.find(({ ifname }) => ifname === change.interface);
  const isUp = link?.addr_info.some(({ local, prefixlen }) => `${local}/${prefixlen}` === change.address) ?? false;
  const isRouted = facts.defaultRoute?.gateway === change.gateway && facts.defaultRoute.dev === change.interface;
  const isKept = change.files.every((file) => facts.files.some(({ path, text }) => path === file.path && text === file.text));
  return isUp && isRouted && isKept;
}

/** The interface of the Score, or the one with the default route. */
export function chosenInterface(facts: HostFacts, score: LinuxHostV0): string | null {
  return score.staticAddress?.interface ?? facts.defaultRoute?.dev ?? null;
}
