// A source of Deployments as the operator's loop sees it: a Kubernetes API (kubernetes/) or a git
// repository (git/). A source is read whole or not at all: `unreadable` removes nothing from any
// device, and neither does an object that is there but cannot be served (`refused`).

import type { DeploymentAggregate, DeploymentName, DeviceId, SaidOfDevice } from "@iot/contracts";
import type { DeploymentConditions } from "@iot/fleet";
import type { DeviceObjects } from "./device-objects.ts";
import type { Reason, SourceReason } from "./reasons.ts";

/**
 * Which object of the source. `uid` differs between two objects of one name, one after the other.
 */
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
  /** The commit of a git source that was read. */
  readonly commit?: string;
  /** RFC 3339: when that was committed, by the clock of who did. */
  readonly committedAt?: string;
  /**
   * False: it is not served until it is claimed (see OwnerStep), and what runs of it stays. Absent:
   * it needs no claim.
   */
  readonly isClaimed?: boolean;
  /** A token that the object bears: what it stands for may go. */
  readonly confirms?: string;
  /** Without doubles. */
  readonly targetDevices: readonly DeviceId[];
  /** Canonical, at most SCORE_LIMIT_BYTES. */
  readonly scoreString: string;
}

/** An object that was read but cannot be served: what runs of it stays. */
export interface RefusedDeployment extends SourceObject {
  readonly generation: number;
  /** A word for machines: InvalidSpec, ScoreTooLarge, InvalidName … */
  readonly reason: Reason;
  /** One sentence for a person: what is wrong, where, and what would fix it. */
  readonly message: string;
}

/** What the tip of a branch proves about what was followed before it. */
export interface GitEvidence {
  readonly kind: "git";
  /** The last commit followed, as it was given to `read`; null: not known. */
  readonly followed: string | null;
  readonly tip: string;
  /**
   * `first`: nothing was followed, or that commit is not here; `descends`: the followed commit is
   * an ancestor of the tip (or the tip itself); `rewritten`: it is not.
   */
  readonly lineage: "first" | "descends" | "rewritten";
  /**
   * What the followed commit gave: `<namespace>/<name>` and its devices. Only what was there can
   * have been taken away.
   */
  readonly gave: ReadonlyMap<string, ReadonlySet<string>>;
  /**
   * Files that gave nothing before and cannot be read: the tip is followed, and removes nothing.
   */
  readonly unreadable: readonly { readonly path: string; readonly message: string }[];
  /**
   * `<namespace>/<name>` that a trailer `Iot-Removes:` names in a commit from the followed one to
   * the tip (after a rewrite: in the tip alone).
   */
  readonly consents: ReadonlySet<string>;
}

/** By device, the namespaces whose Deployments it takes. One that is not here takes all. */
export type AllowedNamespaces = ReadonlyMap<DeviceId, ReadonlySet<string>>;

/** What is known of something that may be on its way out. */
export type Presence = "present" | "terminating" | "gone" | "unknown";

/** What stood around the objects, read after they were. */
export interface KubernetesEvidence {
  readonly kind: "kubernetes";
  /** The definition of our resource. */
  readonly crd: Presence;
  /** Whether the namespace of each object that is being deleted is there. */
  readonly namespaces: ReadonlyMap<string, Presence>;
}

/** An object that is being deleted: its keys are to go, and then its claim (see OwnerStep). */
export interface DeletingObject extends SourceObject {
  readonly generation?: number;
  /** Absent: the source has no claims. */
  readonly isClaimed?: boolean;
  readonly confirms?: string;
  /** A person wants to keep on the devices what runs of it. */
  readonly keeps?: boolean;
}

/**
 * What the operator does to an object of its source: so that nothing goes unseen it claims what it
 * serves, and releases what is gone.
 */
export interface OwnerStep {
  readonly kind: "claim" | "release";
  readonly object: SourceObject;
}

export interface CompleteSnapshot {
  readonly kind: "complete";
  readonly deployments: readonly SourceDeployment[];
  readonly refused: readonly RefusedDeployment[];
  readonly deleting: readonly DeletingObject[];
  /** Absent: each takes all. The same object until it says something else. */
  readonly allowed?: AllowedNamespaces;
  /** Absent: people say nothing of devices. The same object until it says something else. */
  readonly devices?: ReadonlyMap<DeviceId, SaidOfDevice>;
  /** A commit or a resourceVersion, for people. */
  readonly version: string;
  /**
   * Why this is not the newest version there is: the newest cannot be followed, and the last that
   * could stays in force.
   */
  readonly problem?: string;
  /**
   * The origin itself was asked during this read, not a cache: what it says is newer than anything
   * observed before, so a lower generation means that the source went back (a branch that was
   * forced), and its entries follow.
   */
  readonly authoritative?: boolean;
  /** What it proves about what is no longer in it. */
  readonly evidence: GitEvidence | KubernetesEvidence | null;
}

export type SourceSnapshot = CompleteSnapshot | { readonly kind: "unreadable"; readonly reason: SourceReason; readonly message: string };

export interface DeploymentResult extends SourceObject {
  readonly generation: number;
  /** Byte for byte what stands in the bucket; null: nothing of it does. */
  readonly scoreString: string | null;
  readonly conditions: DeploymentConditions;
  readonly aggregate: DeploymentAggregate;
}

/** What became of an object's entries, for whoever looks at that object. */
export interface ObjectNews extends SourceObject {
  readonly isWarning: boolean;
  /**
   * A word for machines: Removed, RemovalHeld, RemovalLost, RemovalConfirmed, Kept, DevicesFailed …
   */
  readonly reason: Reason;
  readonly message: string;
}

export interface Source {
  /** Stands in every manifest entry, e.g. `kubernetes:prod-1`, `git:demo`. */
  readonly id: string;
  /** The cluster's; null: the source is no cluster. */
  readonly clusterUid: string | null;
  /** Under which earlier versions wrote entries of this same source: they are its own. */
  readonly formerIds?: readonly string[];
  /** Absent: it is no cluster. */
  readonly devices?: DeviceObjects;
  /** Why what it says may not be heard now; null: it answers. Absent: every reading asks it. */
  health?(): string | null;
  /** `followed` is the version that was last followed, by whoever did; null: not known. */
  read(signal: AbortSignal, followed: string | null): Promise<SourceSnapshot>;
  /**
   * What it has heard by itself, without asking; null: it is to be read. It may be late, so that
   * nothing is removed by it, and what is written by it is asked for first (`isStill`).
   */
  recall?(): CompleteSnapshot | null;
  /**
   * Whether each of these is what was recalled, by asking now; false also where it cannot be asked.
   */
  isStill?(deployments: readonly SourceDeployment[], signal: AbortSignal): Promise<boolean>;
  /** Calls back whenever the source may have changed, until aborted: a hint only. */
  watch(onChange: () => void, signal: AbortSignal): Promise<void>;
  /** Returns why a step could not be carried out, by uid. Idempotent. */
  carryOut(steps: readonly OwnerStep[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /**
   * Publishes it beside the objects, once, as well as it can: nothing waits for it, and nothing
   * hangs on it.
   */
  announce?(news: readonly ObjectNews[]): void;
  /**
   * Reports to each deployment's owner (the resource's status, or the log). Idempotent; writes only
   * what changed, and no more at once than the owner can bear.
   */
  report(results: readonly DeploymentResult[], signal: AbortSignal): Promise<void>;
  /** Whether some of what was reported last is still to be written: it is to be reported again. */
  isBehind?(): boolean;
}
