// Remembers what each deployment of the device should be, and finds those that have to do with the
// ports of one: the ones that have or want a port that it has or wants, and so on from these. Most
// have none, and then no journal but the own one is read.

import type { Desired } from "@harmony/core";
import type { Neighbour } from "../model/neighbour.ts";
import type { Container } from "../model/snapshot.ts";
import { NOTHING_RECORDED, type SwapRecord } from "../model/swap-record.ts";
import type { HostPort } from "../score/held-ports.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import type { SwapJournal } from "../store/swap-journal.ts";

export class Neighbours {
  readonly #desired = new Map<string, Desired<PodmanV0>>();
  readonly #troubles = new Map<string, string>();
  /** As found last. */
  readonly #of = new Map<string, readonly string[]>();

  note(desired: Desired<PodmanV0>): void {
    this.#desired.set(desired.name, desired);
  }

  /** This stands in its way now, and those that wait for it repeat it; null: nothing. */
  troubled(name: string, trouble: string | null): void {
    if (trouble === null) this.#troubles.delete(name);
    else this.#troubles.set(name, trouble);
  }

  forget(name: string): void {
    for (const map of [this.#desired, this.#of, this.#troubles]) map.delete(name);
  }

  /** Those that something changed for when it changed for this one. */
  of(name: string): readonly string[] {
    return this.#of.get(name) ?? [];
  }

  async look(
    name: string,
    { containers, record, journal }: { containers: readonly Container[]; record: SwapRecord; journal: SwapJournal },
  ): Promise<readonly Neighbour[]> {
    const names = [...new Set([...this.#byPorts(name, containers), ...(record.exchange?.with ?? [])])].filter((one) => one !== name);
    this.#of.set(name, names);
    const found = names.flatMap((one) => this.#desired.get(one) ?? []);
    return Promise.all(
      found.map(async (desired) => ({
        desired,
        record: (await journal.read(desired.name)) ?? NOTHING_RECORDED,
        trouble: this.#troubles.get(desired.name) ?? null,
      })),
    );
  }

  #byPorts(name: string, containers: readonly Container[]): ReadonlySet<string> {
    const ofPort = new Map<string, Set<string>>();
    const ofName = new Map<string, Set<string>>();
    const add = (one: string, { hostPort, protocol }: HostPort): void => {
      const port = `${hostPort}/${protocol}`;
      ofPort.set(port, (ofPort.get(port) ?? new Set()).add(one));
      ofName.set(one, (ofName.get(one) ?? new Set()).add(port));
    };
    for (const { deployment, ports } of containers) for (const port of ports) add(deployment, port);
    for (const [one, { data }] of this.#desired) for (const { ports } of data?.services ?? []) for (const port of ports) add(one, port);
    const found = new Set([name]);
    // A set gives what is added to it meanwhile, too.
    for (const one of found) for (const port of ofName.get(one) ?? []) for (const other of ofPort.get(port) ?? []) found.add(other);
    return found;
  }
}
