// What the Topology carries, by variant: as it was at the last list, and what was brought there or
// removed since.

import type { BoundVariant, Workload } from "@harmony/core";
import type { DeploymentName } from "@iot/contracts";

export class Carried {
  /** The revision of each workload, as the Topology has it. */
  readonly #byVariant = new Map<BoundVariant, Map<string, string>>();

  listed(variant: BoundVariant, workloads: readonly Workload[]): void {
    this.#byVariant.set(variant, new Map(workloads.map(({ name, revision }) => [name, revision])));
  }

  has(variant: BoundVariant, name: DeploymentName): boolean {
    return this.#byVariant.get(variant)?.has(name) === true;
  }

  /** Null: no variant carries it. */
  revisionOf(name: DeploymentName): string | null {
    return [...this.#byVariant.values()].flatMap((revisions) => revisions.get(name) ?? [])[0] ?? null;
  }

  /** The workload may be there from now on. A revision that is known stays. */
  begin(variant: BoundVariant, name: DeploymentName, revision: string): void {
    if (!this.has(variant, name)) this.running(variant, name, revision);
  }

  running(variant: BoundVariant, name: DeploymentName, revision: string): void {
    const revisions = this.#byVariant.get(variant) ?? new Map<string, string>();
    this.#byVariant.set(variant, revisions.set(name, revision));
  }

  gone(variant: BoundVariant, name: DeploymentName): void {
    this.#byVariant.get(variant)?.delete(name);
  }
}
