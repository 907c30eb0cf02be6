// Which ports of the host are held, and by whom. Two containers would hold one port if its number
// and protocol are equal and so is the address; an empty address means all of them. A look-up costs
// the same however many ports are held.

import type { PortMapping } from "./score-values.ts";

export type HostPort = Pick<PortMapping, "hostIp" | "hostPort" | "protocol">;

interface Held<Holder> {
  readonly holder: Holder;
  /** The place in the order in which they were added. */
  readonly at: number;
}

/** The first two holders that differ: enough to know one other than a given one. */
type FirstTwo<Holder> = Held<Holder>[];

export class HeldPorts<Holder> {
  /** By port and protocol, at any address. */
  readonly #byPort = new Map<string, FirstTwo<Holder>>();
  /** By port, protocol and address as it is written. */
  readonly #byAddress = new Map<string, FirstTwo<Holder>>();
  #count = 0;

  add(port: HostPort, holder: Holder): void {
    const held = { holder, at: this.#count };
    this.#count += 1;
    note(this.#byPort, portKey(port), held);
    note(this.#byAddress, addressKey(port, port.hostIp), held);
  }

  /** The first that was added and would hold the port too, other than `except`. */
  holderOf(port: HostPort, except?: Holder): Holder | undefined {
    const lists =
      port.hostIp === ""
        ? [this.#byPort.get(portKey(port))]
        : [port.hostIp, ""].map((hostIp) => this.#byAddress.get(addressKey(port, hostIp)));
    const found = lists.flatMap((list) => list?.find(({ holder }) => holder !== except) ?? []);
    return found.toSorted((a, b) => a.at - b.at)[0]?.holder;
  }
}

function note<Holder>(map: Map<string, FirstTwo<Holder>>, key: string, held: Held<Holder>): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [held]);
  else if (list.length < 2 && list[0]?.holder !== held.holder) list.push(held);
}

function portKey({ hostPort, protocol }: HostPort): string {
  return `${hostPort}/${protocol}`;
}

function addressKey(port: HostPort, hostIp: string): string {
  return `${hostIp} ${portKey(port)}`;
}
