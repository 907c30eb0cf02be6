// Makes room on the disk: images that nothing refers to are pruned when space is short, and when a
// container has met a full disk.

import type { Outcome } from "../model/reason.ts";
import type { ImageStore, StepOf } from "./image-store.ts";
import { unusedImages } from "./observe-images.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import { StorageError } from "../store/stored-file.ts";

export async function pruneImages(store: ImageStore, { images }: StepOf<"pruneImages">, signal: AbortSignal): Promise<Outcome> {
  // The note is cleared even if no image can be removed: the plan is tried then, and a container
  // that meets a full disk again is noted again.
  store.memory.full.clear();
  for (const { id } of images) {
    await removeUnused(store, id, signal);
    // It is not considered again, even if it is in use.
    await store.ledger.forget(id);
  }
  return { kind: "changed" };
}

/**
 * Whether there are images to prune. If there are none, nothing is remembered, and a person
 * reads that the disk is full.
 */
export async function noteFullDisk(store: ImageStore, deployment: string, signal: AbortSignal): Promise<boolean> {
  try {
    if ((await unusedImages(store, store.memory.wanted, signal)).length === 0) return false;
  } catch (error) {
    if (!(error instanceof PodmanError || error instanceof StorageError)) throw error;
    return false;
  }
  store.memory.full.add(deployment);
  return true;
}

export async function removeUnused({ podman }: ImageStore, id: string, signal: AbortSignal): Promise<void> {
  try {
    await podman.removeImage(id, signal);
  } catch (error) {
    // The image was taken into use since it was listed.
    if (!(error instanceof PodmanError) || error.code !== "conflict") throw error;
  }
}
