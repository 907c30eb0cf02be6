// What this machine sees of its own network, read from the kernel without asking anybody: whether
// any interface has a carrier and an address, and a fingerprint that changes when a cable is
// plugged in, an address comes, a route or the name servers change. Cheap enough to look every
// second while there is no connection (three small files of the kernel, 0.2 ms); synchronous,
// because a name look-up that hangs may hold the only thread that files are read on. It is a hint
// for people and for when to try again, never a reason not to try.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";

export interface LocalNetwork {
  /**
   * Null when some interface has a carrier and an address; else a clause that says which interface
   * has what not.
   */
  readonly down: string | null;
  /** It differs after a cable, an address, a route or the name servers have changed. */
  readonly fingerprint: string;
}

/** A look reads five files, and a process may have thousands of connections that look. */
const FRESH_MS = 250;
let last: { readonly atMs: number; readonly network: LocalNetwork } | null = null;

/** The state within the last quarter of a second. */
export function readLocalNetwork(): LocalNetwork {
  const atMs = performance.now();
  if (last === null || atMs - last.atMs >= FRESH_MS) last = { atMs, network: look() };
  return last.network;
}

function look(): LocalNetwork {
  const addresses = reachableAddresses();
  const interfaces = addresses === null || addresses.length > 0 ? [] : readInterfaces();
  return {
    down: interfaces.length === 0 && addresses?.length !== 0 ? null : describeDown(interfaces),
    fingerprint: [
      addresses?.join(" ") ?? "",
      withoutCounts(readText("/proc/self/net/route"), [4, 5]),
      withoutCounts(readText("/proc/self/net/ipv6_route"), [6, 7]),
      changedAt("/etc/resolv.conf"),
    ].join("\n"),
  };
}

/** The name servers that the C library asks, for a person to look at. */
export function nameServers(resolvConf: string = readText("/etc/resolv.conf")): readonly string[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = ""]) => address);
}

export interface Interface {
  readonly name: string;
  readonly carrier: boolean;
}

/**
 * `interfaces`: those of this machine beside the loopback, none of which has both a carrier and an
 * address.
 */
export function describeDown(interfaces: readonly Interface[]): string {
  if (interfaces.length === 0) return "this machine has no network interface";
  const states = interfaces.map(({ name, carrier }) => `${name} has ${carrier ? "no address" : "no carrier"}`);
  return `this machine's network is down (${states.join(", ")})`;
}

/** Node lists only what is up and has a carrier. Null where this process may not ask. */
function reachableAddresses(): readonly string[] | null {
  try {
    return Object.entries(networkInterfaces())
      .flatMap(([name, list]) => (list ?? []).filter((one) => !one.internal).map(({ address }) => `${name} ${address}`))
      .filter((one) => !/ (169\.254\.|fe80:)/.test(one))
      .toSorted();
  } catch {
    return null;
  }
}

const NET = "/sys/class/net";

/** The physical ones, or all where none says that it is. */
function readInterfaces(): readonly Interface[] {
  const names = listFolder(NET).filter((name) => name !== "lo");
  const physical = names.filter((name) => listFolder(`${NET}/${name}`).includes("device"));
  // An interface that is switched off refuses to be asked for its carrier.
  return (physical.length > 0 ? physical : names).map((name) => ({ name, carrier: readText(`${NET}/${name}/carrier`).trim() === "1" }));
}

/** The kernel counts in two columns how often each route was used. */
function withoutCounts(table: string, columns: readonly [number, number]): string {
  return table.replaceAll(/.+/g, (row) =>
    row
      .trim()
      .split(/\s+/)
      .filter((_, index) => !columns.includes(index))
      .join(" "),
  );
}

function listFolder(path: string): readonly string[] {
  try {
    return readdirSync(path).toSorted();
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function changedAt(path: string): string {
  return String(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
}
