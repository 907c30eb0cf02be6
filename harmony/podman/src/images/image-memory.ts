// Knows images from one pass to the next: a plain record in memory. The steps on images write it,
// and so does the root of the package after each look. image-ledger.ts has what must outlive the
// agent.

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
  /** Notes for a person about images that are in use all the same, by reference. */
  readonly notes: Map<string, string>;
  /** Ids of images that were read as a whole. */
  readonly verified: Set<string>;
  /** References whose image was found damaged: another pull may have found its layers here. */
  readonly suspected: Set<string>;
  /** Bytes that a pull needed when it found too little room, by reference. */
  readonly neededBytes: Map<string, number>;
  /** Deployments whose container met a full disk while there were images to prune. */
  readonly full: Set<string>;
  /** Deployments that should be here and were not looked at yet; an image may belong to them. */
  readonly awaited: Set<string>;
  /** The wanted images, by deployment. */
  readonly wanted: Map<string, readonly Wanted[]>;
  /** Why written data may not be on the disk; null: it is. */
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

/** Records the deployments that should be here; each is looked at in its turn. */
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

/** A person asks for another try: every repair may run again, and every registry may be asked. */
export function forgetTries(memory: ImageMemory, deployment: string): void {
  memory.damage.forget(deployment);
  memory.busy.forget();
}

/** All services that need the image. */
export function wantedOf({ wanted }: ImageMemory, reference: string): readonly Wanted[] {
  return [...wanted.values()].flat().filter((one) => one.reference === reference);
}
