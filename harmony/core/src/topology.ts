// A Topology is a place where Scores are made true. It says by its type what it can do, so that
// interpreting a Score in a place that lacks what the Score needs does not compile (see score.ts
// and topology.test-d.ts).

import type { Inventory } from "./inventory.ts";

/** The names that Go and OCI use. */
export type Architecture = "amd64" | "arm64";

/**
 * `Capabilities` maps the name of a capability to the port that serves it. A package that brings a
 * capability exports the port's type and the name.
 *
 * @example
 * const device: Topology<{ architecture: "arm64"; podman: Podman }> = {
 *   name: "pi-01",
 *   capabilities: { architecture: "arm64", podman: connectPodman({ socketPath, user }) },
 *   inventory: async () => ({ architecture: "arm64", capabilities: ["podman"], facts: {} }),
 * };
 */
export interface Topology<Capabilities extends object> {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Facts of the place for the people who run it; no decision uses them. */
  inventory(signal: AbortSignal): Promise<Inventory>;
}
