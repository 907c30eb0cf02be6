// What is, as the planner and the report see it: plain values, taken from Podman and from what the
// device remembers by observe.ts.

import type { Application } from "./application.ts";
import type { HostFacts } from "./host-facts.ts";
import type { ImageFacts } from "./image-facts.ts";
import type { Policy } from "../score/policy.ts";
import type { PortMapping } from "../score/score-values.ts";
import type { SecretStoreFact } from "./host-facts.ts";
import type { SwapRecord } from "./swap-record.ts";

export type ContainerState =
  /** To be started: it never was, or the device lost its power while it ran. */
  | "created"
  | "running"
  | "paused"
  | "stopping"
  | "exited"
  /** Half removed, or in a state that Podman itself does not know: good for nothing but removal. */
  | "broken";

/** A container with our labels, of any deployment. */
export interface Container {
  readonly name: string;
  readonly deployment: string;
  readonly revision: string;
  readonly scoreString: string;
  /** What of the device it was made with, by name (inputs.ts); empty: nothing. */
  readonly inputs: string;
  readonly state: ContainerState;
  readonly imageId: string;
  readonly health: "none" | "starting" | "healthy" | "unhealthy";
  /**
   * How often Podman has started it again by its restart policy, since it was last started by a
   * call; and of these, within the last minutes.
   */
  readonly restarts: number;
  readonly recentRestarts: number;
  /** Of its last life that ended, as far as it is known. */
  readonly exitCode: number;
  readonly createdAtMs: number;
  /** Milliseconds since the epoch; null: never. */
  readonly startedAtMs: number | null;
  readonly exitedAtMs: number | null;
  /**
   * By the clock that never jumps, from the agent's first look on: for how long it has run since
   * its last start, and since it first ran (up-meter.ts).
   */
  readonly upMs: number;
  readonly aliveMs: number;
  /**
   * Ended by a call that asked for it, a person's or ours, and not since the device last booted.
   */
  readonly stoppedByUser: boolean;
  readonly ports: readonly Pick<PortMapping, "hostIp" | "hostPort" | "protocol">[];
  /** It runs, and nobody serves its ports any more (port-watch.ts). */
  readonly hasLostNetwork: boolean;
  /** What it wrote last, where it is worth telling; empty otherwise. */
  readonly lastLines: readonly string[];
}

export interface Snapshot {
  readonly application: Application;
  readonly nowMs: number;
  readonly device: { readonly id: string; readonly labels: Readonly<Record<string, string>>; readonly bootId: string };
  /** What the journal knows of the deployment. */
  readonly record: SwapRecord;
  /**
   * Podman finds no room to write down that a container has ended, so that the list still says it
   * runs, and the journal keeps some. Looked at during a trial alone.
   */
  readonly isReserveNeeded: boolean;
  /** Containers of the deployment that are to run after a power cut, as last recorded. */
  readonly startList: readonly string[];
  readonly containers: readonly Container[];
  /** By full reference, the images that the Score names; null: not on the device. */
  readonly images: Readonly<Record<string, { readonly id: string; readonly digest: string } | null>>;
  readonly imageFacts: ImageFacts;
  /** Names of those with this deployment's label. */
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /**
   * Podman's, for the environment of this deployment's containers; null: it cannot read its store
   * of them.
   */
  readonly secrets: readonly string[] | null;
  /** Looked at where the deployment has or wants a secret of Podman's, or Podman cannot read it. */
  readonly secretStore: SecretStoreFact;
  readonly host: HostFacts;
  readonly policy: Policy;
  /** Cgroup controllers that can enforce a limit here. */
  readonly controllers: readonly string[];
}
