// Whether two containers would hold one port of the host.

import { HeldPorts, type HostPort } from "../score/held-ports.ts";

interface Holder {
  readonly ports: readonly HostPort[];
}

/** The ports of all of them, to be asked for many times. */
export function portsOf<Each extends Holder>(containers: readonly Each[]): HeldPorts<Each> {
  const held = new HeldPorts<Each>();
  for (const container of containers) for (const port of container.ports) held.add(port, container);
  return held;
}

/** The first of the ports that somebody holds. */
export function portConflict<Each>(ports: readonly HostPort[], held: HeldPorts<Each>): { port: HostPort; holder: Each } | null {
  for (const port of ports) {
    const holder = held.holderOf(port);
    if (holder !== undefined) return { port, holder };
  }
  return null;
}
