// A source of Deployments as the operator's loop sees it: a Kubernetes API (kubernetes-source/) or a git repository (git-source/).
// A source is read whole or not at all: `unreadable` removes nothing from any device, and neither does an object that is there
// but cannot be served (`refused`).

import type { DeploymentAggregate, DeploymentName, DeviceId } from "@iot/contracts";
import type { DeploymentConditions } from "@iot/fleet";

/** Which object of the source. `uid` differs between two objects of one name, one after the other. */
export interface SourceObject {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** A Deployment that was read and can be served. */
export interface SourceDeployment extends SourceObject {
  readonly name: DeploymentName;
  /** Rises with every change of the object. */
  readonly generation: number;
  /** RFC 3339. Of two Deployments that claim one name on one device the older keeps it. */
  readonly createdAt: string;
  /** Of a git source: the commit that was read. */
  readonly commit?: string;
  /** Without doubles. */
  readonly targetDevices: readonly DeviceId[];
  /** Canonical, at most SCORE_LIMIT_BYTES. */
  readonly scoreString: string;
}

/** An object that was read but cannot be served: what runs of it stays. */
export interface RefusedDeployment extends SourceObject {
  readonly generation: number;
  /** A word for machines: InvalidSpec, ScoreTooLarge, InvalidName … */
  readonly reason: string;
  /** One sentence for a person: what is wrong, where, and what would mend it. */
  readonly message: string;
}

export interface CompleteSnapshot {
  readonly kind: "complete";
  readonly deployments: readonly SourceDeployment[];
  readonly refused: readonly RefusedDeployment[];
  /** Being deleted: their keys are to go, and then they are `removed` (see Source.report). */
  readonly deleting: readonly (SourceObject & { readonly generation?: number })[];
  /** A commit or a resourceVersion, for people. */
  readonly version: string;
  /** Why this is not the newest version there is: the newest cannot be followed, and the last that could stays in force. */
  readonly problem?: string;
  /**
   * The origin itself was asked during this read, not a cache: what it says is newer than anything observed before, so a lower
   * generation means that the source went back (a branch that was forced), and its entries follow.
   */
  readonly authoritative?: boolean;
}

export type SourceSnapshot = CompleteSnapshot | { readonly kind: "unreadable"; readonly reason: string; readonly message: string };

export interface DeploymentResult extends SourceObject {
  readonly generation: number;
  /** Byte for byte what stands in the bucket; null: nothing of it does. */
  readonly scoreString: string | null;
  readonly conditions: DeploymentConditions;
  readonly aggregate: DeploymentAggregate;
}

export interface Source {
  /** Stands in every manifest entry, e.g. `kubernetes:prod-1`, `git:demo`. */
  readonly id: string;
  read(signal: AbortSignal): Promise<SourceSnapshot>;
  /** Calls back whenever the source may have changed, until aborted: a hint only. */
  watch(onChange: () => void, signal: AbortSignal): Promise<void>;
  /**
   * Tells each deployment's owner (the resource's status, or the log). Idempotent; writes only what changed. `removed` are
   * objects that are being deleted and of which no key is left: their finalizer may go.
   */
  report(results: readonly DeploymentResult[], removed: readonly SourceObject[], signal: AbortSignal): Promise<void>;
}
