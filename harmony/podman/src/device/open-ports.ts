// Reads which ports of the device somebody serves, from the kernel's own tables. Processes would
// not do: those of Podman's networks are hidden from the agent.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PortMapping } from "../score/score-values.ts";

/** `tcp/8080`, at any address. */
export type OpenPorts = ReadonlySet<string>;

export function portName({ protocol, hostPort }: Pick<PortMapping, "protocol" | "hostPort">): string {
  return `${protocol}/${hostPort}`;
}

const TABLES = [
  { file: "tcp", protocol: "tcp" },
  { file: "tcp6", protocol: "tcp" },
  { file: "udp", protocol: "udp" },
  { file: "udp6", protocol: "udp" },
] as const;

/**
 * The state in which a socket serves: TCP listens; UDP is bound, and to nobody in particular
 * (include/net/tcp_states.h).
 */
const SERVES: Readonly<Record<PortMapping["protocol"], string>> = { tcp: "0A", udp: "07" };

/**
 * `folder`: `/proc/PID/net` of a process in the device's network. A kernel without IPv6 has two
 * tables less. @throws the file system's error.
 */
export async function readOpenPorts(folder: string): Promise<OpenPorts> {
  const found = TABLES.map(async ({ file, protocol }) => {
    const text = await readFile(join(folder, file), "utf8").catch((error: unknown) => {
      if (file.endsWith("6") && error instanceof Error && "code" in error && error.code === "ENOENT") return "";
      throw error;
    });
    return parseTable(text, protocol);
  });
  return new Set((await Promise.all(found)).flat());
}

/**
 * Parses lines of proc_net_tcp(5): `sl local_address rem_address st …`, addresses as hexadecimal
 * `ADDRESS:PORT`. Pure.
 */
export function parseTable(text: string, protocol: PortMapping["protocol"]): string[] {
  return text.split("\n").flatMap((line) => {
    const [, port, state] = /^ *\d+: [\dA-F]+:([\dA-F]{4}) [\dA-F]+:[\dA-F]{4} ([\dA-F]{2}) /.exec(line) ?? [];
    return port !== undefined && state === SERVES[protocol] ? [portName({ protocol, hostPort: Number.parseInt(port, 16) })] : [];
  });
}
