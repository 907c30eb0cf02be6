// The little languages of Compose, into those of PodmanV0: names, durations, sizes, ports.

import { isDnsLabel } from "@harmony/schema";
import { isMap, textOf } from "./notes.ts";

/** null: nothing of it can be part of a DNS label. */
export function dnsLabelOf(name: string): string | null {
  const label = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, "");
  return isDnsLabel(label) ? label : null;
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3, w: 604_800e3 };

/** "1h5m30s20ms" in milliseconds, not below one where there is any. */
export function durationMs(value: unknown): number | null {
  const text = textOf(value) ?? "";
  if (!/^(\d+(\.\d+)?(us|ms|s|m|h|d|w))+$/.test(text)) return null;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)/g)];
  return Math.ceil(parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNIT_MS[unit ?? ""] ?? 0), 0));
}

/** The form that PodmanV0 has. */
export function duration(value: unknown): string | null {
  const ms = durationMs(value);
  if (ms === null) return null;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** A number of at least `least`, as such or as text. */
export function numberFrom(least: number): (value: unknown) => number | null {
  return (value) => {
    const text = textOf(value) ?? "";
    // A zero in front is octal to Compose.
    const number = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text || Number.NaN);
    return number >= least ? number : null;
  };
}

/** Compose's units are binary, whether they say so or not. */
export function size(value: unknown): string | null {
  const match = /^(\d+(?:\.\d+)?)\s*(b|k|kb|m|mb|g|gb|t|tb|ki|mi|gi|ti|kib|mib|gib|tib)?$/i.exec((textOf(value) ?? "").trim());
  if (match === null) return null;
  const unit = (match[2] ?? "b").toLowerCase().slice(0, 1);
  const bytes = Number(match[1]) * ({ b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }[unit] ?? 1);
  const [name, of] = [["Gi", 2 ** 30] as const, ["Mi", 2 ** 20] as const].find(([, each]) => bytes % each === 0) ?? ["Ki", 2 ** 10];
  return `${Math.max(1, Math.ceil(bytes / of))}${name}`;
}

/** Mappings as PodmanV0 has them; a sentence: why not. */
export function ports(value: unknown): readonly string[] | string {
  if (isMap(value)) {
    const [target, published, protocol, hostIp] = [value["target"], value["published"], value["protocol"], value["host_ip"]].map(textOf);
    if (target === null || target === undefined) return "has no target: it is not taken over; write host:container";
    return portText({ hostIp: hostIp ?? "", host: published ?? "", container: target, protocol: protocol ?? "tcp" });
  }
  const match = /^(?:(?:(\d+\.\d+\.\d+\.\d+|\[[\da-fA-F:]+\]):)?(\d*(?:-\d+)?):)?(\d+(?:-\d+)?)(?:\/(\w+))?$/.exec(textOf(value) ?? "");
  if (match === null) return FORM;
  return portText({ hostIp: match[1] ?? "", host: match[2] ?? "", container: match[3] ?? "", protocol: match[4] ?? "tcp" });
}

const FORM = "is of a form that is not known: it is not taken over; write [ip:]host:container[/udp]";

interface PortParts {
  readonly hostIp: string;
  readonly host: string;
  readonly container: string;
  readonly protocol: string;
}

const MAX_RANGE = 64;

function portText({ hostIp, host, container, protocol }: PortParts): readonly string[] | string {
  if (protocol !== "tcp" && protocol !== "udp")
    return `has the protocol ${protocol}: it is not taken over; have the program speak tcp or udp`;
  if (host === "") return "names no port of the host, where Compose takes any that is free: write host:container";
  const [hosts, containers] = [range(host), range(container)];
  if (hosts.length !== containers.length || hosts.length > MAX_RANGE) {
    return `is a range whose ends do not match, or of more than ${MAX_RANGE} ports: it is not taken over; write each as host:container`;
  }
  return hosts.map((port, index) => `${hostIp === "" ? "" : `${hostIp}:`}${port}:${containers[index]}${protocol === "udp" ? "/udp" : ""}`);
}

function range(text: string): number[] {
  const [first = 0, last = first] = text.split("-").map(Number);
  return Array.from({ length: Math.max(0, Math.min(last - first, MAX_RANGE)) + 1 }, (_, index) => first + index);
}
