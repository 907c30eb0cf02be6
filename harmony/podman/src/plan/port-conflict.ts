// Whether two containers would hold one port of the host. An empty address means all of them.

import type { PortMapping } from "../score/score-values.ts";

export type HostPort = Pick<PortMapping, "hostIp" | "hostPort" | "protocol">;

export function clashes(a: HostPort, b: HostPort): boolean {
  return a.hostPort === b.hostPort && a.protocol === b.protocol && (a.hostIp === b.hostIp || a.hostIp === "" || b.hostIp === "");
}

/** The first of the ports that one of the containers holds. */
export function portConflict<Holder extends { readonly ports: readonly HostPort[] }>(
  ports: readonly HostPort[],
  containers: readonly Holder[],
): { port: HostPort; holder: Holder } | null {
  for (const port of ports) {
    const holder = containers.find((container) => container.ports.some((held) => clashes(port, held)));
    if (holder !== undefined) return { port, holder };
  }
  return null;
}
