// What is known of images from one pass to the next: a plain record in memory, which the deeds upon
// images write, and the root of the package after each look. What has to outlive the agent is in
// image-ledger.ts.

import { BusyRegistries } from "./busy-registries.ts";
import { DamageRecord, type ServiceKey } from "./damage.ts";
import type { ImageFacts } from "../model/image-facts.ts";

/** An image that a service of a Score needs. */
export interface Wanted extends ServiceKey {
  readonly reference: string;
}

export interface ImageMemory {
  readonly damage: DamageRecord;
  readonly busy: BusyRegistries;
  /** By reference: what a person should know of an image that is in use all the same. */
  readonly notes: Map<string, string>;
  /** Ids of images that were read as a whole. */
  readonly verified: Set<string>;
  /**
   * References of which an image was found damaged: another pull may have found its layers here.
   */
  readonly suspected: Set<string>;
  /** By reference, of pulls that found too little room. */
  readonly neededBytes: Map<string, number>;
  /** Deployments of which a container met a full disk, and there were images to remove. */
  readonly full: Set<string>;
  /** Deployments that are to be here and were not looked at yet: an image may be theirs. */
  readonly awaited: Set<string>;
  /** By deployment. */
  readonly wanted: Map<string, readonly Wanted[]>;
  /** Why what was written is perhaps not on the disk; null: it is. */
  unflushed: string | null;
}

export function newImageMemory(monotonicMs: () => number): ImageMemory {
  return {
    damage: new DamageRecord(monotonicMs),
    busy: new BusyRegistries(monotonicMs),
    notes: new Map(),
    verified: new Set(),
    suspected: new Set(),
    neededBytes: new Map(),
    full: new Set(),
    awaited: new Set(),
    wanted: new Map(),
    unflushed: null,
  };
}

/** The deployments that are to be here; each is looked at in its turn. */
export function awaitDeployments(memory: ImageMemory, deployments: readonly string[]): void {
  memory.awaited.clear();
  for (const name of deployments) memory.awaited.add(name);
}

/** `wanted` null: the deployment is to be removed. */
export function rememberSeen(memory: ImageMemory, deployment: string, wanted: readonly Wanted[] | null, { incidents }: ImageFacts): void {
  memory.awaited.delete(deployment);
  if (wanted === null) memory.wanted.delete(deployment);
  else memory.wanted.set(deployment, wanted);
  memory.damage.keep(deployment, incidents);
}

/** A person asks: what was tried, and who was asked, may be again. */
export function forgetTries(memory: ImageMemory, deployment: string): void {
  memory.damage.forget(deployment);
  memory.busy.forget();
}

/** All services that need the image. */
export function wantedOf({ wanted }: ImageMemory, reference: string): readonly Wanted[] {
  return [...wanted.values()].flat().filter((one) => one.reference === reference);
}
