// The state of the world as the planner and the report see it: plain values, which observe.ts takes
// from Podman and from the device's records.

import type { Application } from "./application.ts";
import type { InputFacts } from "./input-facts.ts";
import type { ImageFacts } from "./image-facts.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Policy } from "../score/policy.ts";
import type { PortMapping } from "../score/score-values.ts";
import type { SecretStoreFact } from "./input-facts.ts";
import type { SwapRecord } from "./swap-record.ts";

export type ContainerState =
  /** It is to be started: it never ran, or the device lost its power while it ran. */
  | "created"
  | "running"
  | "paused"
  | "stopping"
  | "exited"
  /** Half removed, or in a state that Podman itself does not know: it can only be removed. */
  | "broken";

/** A container with our labels, of any deployment. */
export interface Container {
  readonly name: string;
  readonly deployment: string;
  readonly revision: string;
  readonly scoreString: string;
  /** The parts of the device that it was made with, by name (inputs.ts); empty: none. */
  readonly inputs: string;
  readonly state: ContainerState;
  readonly imageId: string;
  readonly health: "none" | "starting" | "healthy" | "unhealthy";
  /**
   * The number of restarts by Podman's restart policy since a call last started it; and of these,
   * those within the last minutes.
   */
  readonly restarts: number;
  readonly recentRestarts: number;
  /** The code of its last life that ended, as far as it is known. */
  readonly exitCode: number;
  readonly createdAtMs: number;
  /** Milliseconds since the epoch; null: never. */
  readonly startedAtMs: number | null;
  readonly exitedAtMs: number | null;
  /**
   * By the clock that never jumps, from the agent's first look on: the time that it has run since
   * its last start, and since it first ran (up-meter.ts).
   */
  readonly upMs: number;
  readonly aliveMs: number;
  /**
   * The last run of its health check, where it is asked for: it is not healthy, or was not heard of
   * for long. null: none has ended, or it was not asked for.
   */
  readonly lastCheck: { readonly exitCode: number; readonly output: string } | null;
  /** For so long no new run of its health check has ended, by the clock that never jumps. */
  readonly silentMs: number;
  /** A call asked for its end, a person's or ours, and the device has not booted since. */
  readonly stoppedByUser: boolean;
  /**
   * It runs, is to give way to another version, and its process 1 cannot hear its stop signal, as
   * far as it is known.
   */
  readonly isDeaf: boolean;
  readonly ports: readonly Pick<PortMapping, "hostIp" | "hostPort" | "protocol">[];
  /** It runs, and nobody serves its ports any more (port-watch.ts). */
  readonly hasLostNetwork: boolean;
  /**
   * Its program says that it is at work (`busy` of its Score), or it is paused and cannot say that it
   * has ended its work.
   */
  readonly isAtWork: boolean;
  /** The volumes that hold what its image declares as VOLUME, by name. */
  readonly imageVolumes: readonly string[];
  /** The lines it wrote last, where they help; empty if not. */
  readonly lastLines: readonly string[];
}

export interface Snapshot {
  readonly application: Application;
  readonly nowMs: number;
  readonly device: {
    readonly id: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly bootId: string;
    readonly timezone?: string;
    readonly pageBytes?: number;
  };
  /** The journal's record of the deployment. */
  readonly record: SwapRecord;
  /**
   * Podman finds no room to write down that a container has ended, so that its list still shows it
   * as running, and the journal keeps some room. Looked at only during a trial.
   */
  readonly isReserveNeeded: boolean;
  /** The containers of the deployment that should run after a power cut, as last recorded. */
  readonly startList: readonly string[];
  readonly containers: readonly Container[];
  /** The other deployments that have to do with its ports. */
  readonly neighbours: readonly Neighbour[];
  /** The images that the Score names, by full reference; null: not on the device. */
  readonly images: Readonly<Record<string, { readonly id: string; readonly digest: string } | null>>;
  readonly imageFacts: ImageFacts;
  /** The names of those with this deployment's label. */
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /**
   * Podman's secrets, for the environment of this deployment's containers; null: Podman cannot read
   * its store of them.
   */
  readonly secrets: readonly string[] | null;
  /**
   * Looked at where the deployment has or wants a secret of Podman's, or Podman cannot read its
   * store.
   */
  readonly secretStore: SecretStoreFact;
  readonly host: InputFacts;
  readonly policy: Policy;
  /** The cgroup controllers that can enforce a limit here. */
  readonly controllers: readonly string[];
}
