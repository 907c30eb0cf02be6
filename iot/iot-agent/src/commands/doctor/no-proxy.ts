// Whom NO_PROXY exempts, read as Go's net/http reads it, and Podman with it: "example.com" covers
// its subdomains too, ".example.com" and "*.example.com" them alone, a network stands as a CIDR,
// any but that may end in a port, and this machine itself is never asked through a proxy. Node's
// own reading and that of proxy-from-env know no CIDR and take a bare name for itself alone. Pure.

import { BlockList, isIP } from "node:net";

const HTTPS_PORT = "443";
const LOOPBACK = ["127.0.0.0/8", "::1"];

/** `authority`: a host, or `host:port`; it is asked over HTTPS. */
export function isExempt(authority: string, noProxy: string): boolean {
  const url = URL.parse(`https://${authority}`);
  if (url === null) return false;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? HTTPS_PORT : url.port;
  return host === "localhost" || [...LOOPBACK, ...noProxy.toLowerCase().split(",")].some((entry) => covers(entry.trim(), host, port));
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const [, network = "", bits = ""] = /^([^/]+)\/(\d+)$/.exec(entry) ?? [];
  if (isIP(network) !== 0) return isWithin(host, network, Number(bits));
  const [, bracketed, plain = entry, itsPort = ""] = /^(?:\[(.*)\]|([^:]*)):([^:]*)$/.exec(entry) ?? [];
  const name = (bracketed ?? plain).replace(/^\*\./, ".");
  if (name === "" || (itsPort !== "" && itsPort !== port)) return false;
  if (isIP(name) !== 0) return isWithin(host, name, bitsOf(name));
  if (isIP(host) !== 0) return false;
  return host === name || host.endsWith(name.startsWith(".") ? name : `.${name}`);
}

function isWithin(host: string, network: string, bits: number): boolean {
  if (isIP(host) !== isIP(network) || bits > bitsOf(network)) return false;
  const family = isIP(network) === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(network, bits, family);
  return list.check(host, family);
}

function bitsOf(address: string): number {
  return isIP(address) === 4 ? 32 : 128;
}
