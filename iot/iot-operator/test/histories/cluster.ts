// A Kubernetes API as far as removals see it: objects with finalizers, namespaces, the definition
// of the resource, and copies of it all that can be put back. The controllers work at once: what is
// marked and has no finalizer is gone.

import { asDeploymentName, asDeviceId } from "@iot/contracts";
import type {
  CompleteSnapshot,
  DeletingObject,
  KubernetesEvidence,
  OwnerStep,
  Presence,
  SourceDeployment,
} from "../../src/sources/source.ts";

export interface ClusterObject {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  generation: number;
  targets: readonly string[];
  isDeleting: boolean;
  isClaimed: boolean;
  keeps: boolean;
  confirms: string | null;
}

interface Contents {
  readonly objects: ClusterObject[];
  readonly terminating: ReadonlySet<string>;
  readonly crd: Presence;
}

export class Cluster {
  objects: ClusterObject[] = [];
  #terminating = new Set<string>();
  #crd: Presence = "present";
  #made = 0;
  readonly #copies: Contents[] = [];

  find(namespace: string, name: string): ClusterObject | undefined {
    return this.objects.find((object) => object.namespace === namespace && object.name === name);
  }

  /** Whether it was taken: nothing can be made in what is being deleted. */
  apply(namespace: string, name: string, targets: readonly string[]): ClusterObject | null {
    const found = this.find(namespace, name);
    if (this.#crd !== "present" || found?.isDeleting === true || (found === undefined && this.#terminating.has(namespace))) return null;
    if (found !== undefined) {
      if (found.targets.join() !== targets.join()) found.generation += 1;
      found.targets = targets;
      return found;
    }
    this.#made += 1;
    const object = {
      uid: `u${this.#made}`,
      namespace,
      name,
      generation: 1,
      targets,
      isDeleting: false,
      isClaimed: false,
      keeps: false,
      confirms: null,
    };
    this.objects.push(object);
    return object;
  }

  delete(object: ClusterObject): void {
    object.isDeleting = true;
    this.#settle();
  }

  /** Marked before what is in it. */
  markNamespace(namespace: string): void {
    this.#terminating.add(namespace);
  }

  markCrd(): void {
    if (this.#crd === "present") this.#crd = "terminating";
  }

  /** What the controllers do with what is marked. */
  collect(): ClusterObject[] {
    const marked = this.objects.filter(
      (object) => !object.isDeleting && (this.#crd !== "present" || this.#terminating.has(object.namespace)),
    );
    for (const object of marked) object.isDeleting = true;
    this.#settle();
    return marked;
  }

  isCollective({ namespace }: ClusterObject): boolean {
    return this.#crd === "present" && this.#terminating.has(namespace);
  }

  isStanding({ namespace }: ClusterObject): boolean {
    return this.#crd === "present" && !this.#terminating.has(namespace);
  }

  strip(object: ClusterObject): void {
    object.isClaimed = false;
    this.#settle();
  }

  putCrd(): void {
    if (this.#crd === "gone") this.#crd = "present";
  }

  backUp(): void {
    this.#copies.push({ objects: this.objects.map((object) => ({ ...object })), terminating: new Set(this.#terminating), crd: this.#crd });
  }

  restore(which: number): void {
    const copy = this.#copies[which % Math.max(1, this.#copies.length)];
    if (copy === undefined) return;
    this.objects = copy.objects.map((object) => ({ ...object }));
    this.#terminating = new Set(copy.terminating);
    this.#crd = copy.crd;
    this.#settle();
  }

  list(): { deployments: SourceDeployment[]; deleting: DeletingObject[] } | null {
    if (this.#crd === "gone") return null;
    const of = ({ uid, namespace, name, generation, isClaimed, confirms }: ClusterObject) => ({
      uid,
      namespace,
      name: asDeploymentName(name),
      generation,
      isClaimed,
      ...(confirms === null ? {} : { confirms }),
    });
    return {
      deployments: this.objects
        .filter(({ isDeleting }) => !isDeleting)
        .map((object) => ({
          ...of(object),
          createdAt: "2026-01-01T00:00:00Z",
          targetDevices: object.targets.map(asDeviceId),
          scoreString: `{"type":"PodmanV0","data":{"of":"${object.namespace}/${object.name}"}}`,
        })),
      deleting: this.objects.filter(({ isDeleting }) => isDeleting).map((object) => ({ ...of(object), keeps: object.keeps })),
    };
  }

  /** To be asked after `list`. */
  around(deleting: readonly DeletingObject[]): KubernetesEvidence {
    const namespaces = deleting.map(
      ({ namespace }) => [namespace, this.#terminating.has(namespace) ? ("terminating" as const) : ("present" as const)] as const,
    );
    return { kind: "kubernetes", crd: this.#crd, namespaces: new Map(namespaces) };
  }

  carryOut({ kind, object: { uid } }: OwnerStep): void {
    const object = this.objects.find((each) => each.uid === uid);
    if (object === undefined || (kind === "claim" && object.isDeleting)) return;
    object.isClaimed = kind === "claim";
    this.#settle();
  }

  #settle(): void {
    this.objects = this.objects.filter(({ isDeleting, isClaimed }) => !isDeleting || isClaimed);
    for (const namespace of this.#terminating) {
      if (!this.objects.some((object) => object.namespace === namespace)) this.#terminating.delete(namespace);
    }
    if (this.#crd === "terminating" && this.objects.length === 0) this.#crd = "gone";
  }
}

export type Listed = NonNullable<ReturnType<Cluster["list"]>>;

export function clusterSnapshot(listed: Listed, evidence: KubernetesEvidence): CompleteSnapshot {
  return { kind: "complete", ...listed, refused: [], version: "1", authoritative: true, evidence };
}
