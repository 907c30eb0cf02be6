// The counters of one Deployment, changed by the difference of one device: what a status costs does
// not depend on how many devices there are. It gives exactly what countDevices gives of the same
// states.

import type { DeviceId, FailureGroup } from "@iot/contracts";
import { type Counted, type DeviceState, EXAMPLES, GROUPS } from "./aggregate.ts";

type Failed = Extract<DeviceState, { kind: "failed" }>;

/** Devices that failed for one reason. */
interface Group {
  readonly messages: Map<DeviceId, string>;
  /** The first of them; null: to be looked for. */
  examples: readonly DeviceId[] | null;
}

export class DeploymentTally {
  readonly #states = new Map<DeviceId, DeviceState>();
  readonly #counts = { running: 0, pending: 0, failed: 0, offline: 0 };
  readonly #groups = new Map<string, Group>();
  #rejected = 0;
  #counted: Counted | null = null;

  /** Whether it is another state than before. */
  set(device: DeviceId, state: DeviceState): boolean {
    const before = this.#states.get(device);
    if (before !== undefined && isSame(before, state)) return false;
    if (before !== undefined) this.#subtract(device, before);
    this.#states.set(device, state);
    this.#counts[state.kind] += 1;
    if (state.kind === "failed") this.#addFailure(device, state);
    this.#counted = null;
    return true;
  }

  delete(device: DeviceId): void {
    const before = this.#states.get(device);
    if (before === undefined) return;
    this.#states.delete(device);
    this.#subtract(device, before);
    this.#counted = null;
  }

  /** The same object as long as nothing changes. */
  counted(): Counted {
    this.#counted ??= {
      aggregate: { devices: this.#states.size, ...this.#counts, failures: this.#failures() },
      rejected: this.#rejected,
    };
    return this.#counted;
  }

  #subtract(device: DeviceId, state: DeviceState): void {
    this.#counts[state.kind] -= 1;
    if (state.kind !== "failed") return;
    if (state.rejected) this.#rejected -= 1;
    const group = this.#groups.get(state.reason);
    if (group === undefined) return;
    group.messages.delete(device);
    if (group.messages.size === 0) this.#groups.delete(state.reason);
    else if (group.examples?.includes(device) === true) group.examples = null;
  }

  #addFailure(device: DeviceId, { reason, message, rejected }: Failed): void {
    if (rejected) this.#rejected += 1;
    const group = this.#groups.get(reason) ?? { messages: new Map<DeviceId, string>(), examples: [] };
    this.#groups.set(reason, group);
    group.messages.set(device, message);
    if (group.examples !== null) group.examples = [...group.examples, device].toSorted().slice(0, EXAMPLES);
  }

  /** By reason, the largest first; the message is the first device's. */
  #failures(): FailureGroup[] {
    const largest = [...this.#groups]
      .toSorted(([a, { messages: of }], [b, { messages: ofOther }]) => ofOther.size - of.size || (a < b ? -1 : 1))
      .slice(0, GROUPS);
    return largest.map(([reason, group]) => {
      group.examples ??= firstOf(group.messages.keys());
      const [first] = group.examples;
      const message = first === undefined ? "" : (group.messages.get(first) ?? "");
      return { reason, message, devices: group.messages.size, examples: [...group.examples] };
    });
  }
}

function firstOf(devices: Iterable<DeviceId>): readonly DeviceId[] {
  let first: DeviceId[] = [];
  for (const device of devices) {
    const last = first.at(EXAMPLES - 1);
    if (last === undefined || device < last) first = [...first, device].toSorted().slice(0, EXAMPLES);
  }
  return first;
}

/** In what is counted of it: a pending device's phase is not. */
function isSame(a: DeviceState, b: DeviceState): boolean {
  if (a.kind !== "failed" || b.kind !== "failed") return a.kind === b.kind;
  return a.rejected === b.rejected && a.reason === b.reason && a.message === b.message;
}
