// Handles damage in Podman's storage of images: records what was found, and makes one repair at a
// time (damage.ts). The steps that follow fetch and make again what a repair removes, as if it had
// never been there.

import type { Outcome } from "../model/reason.ts";
import type { ImageStore, StepOf } from "./image-store.ts";
import { wantedOf } from "./image-memory.ts";
import { unusedImages } from "./observe-images.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import { imageReference } from "../model/names.ts";
import { removeUnused } from "./prune-images.ts";
import { askRegistry } from "./pull-image.ts";

export async function repairImage(store: ImageStore, step: StepOf<"repairImage">, signal: AbortSignal): Promise<Outcome> {
  const { podman, memory } = store;
  const { reference, containers, repair } = step;
  if (repair !== "recreate") {
    const why = (await inUse(store, step, signal)) ?? (await unobtainable(store, step, signal));
    if (why !== null) return { kind: "blocked", subject: step.service, reason: "ImageDamaged", message: why };
  }
  for (const container of containers) await podman.removeContainer(container, signal);
  if (repair !== "recreate") await podman.removeImage(reference, signal);
  if (repair === "clear") for (const { id } of await unusedImages(store, memory.wanted, signal)) await removeUnused(store, id, signal);
  if (repair === "repair") await repairStorage(store, signal);
  // A repair of an image counts for all services that use it: none of their containers was left.
  for (const one of repair === "recreate" ? [step] : wantedOf(memory, reference)) memory.damage.done(one, repair);
  memory.verified.clear();
  memory.suspected.add(reference);
  return { kind: "changed" };
}

/** Reads an image as a whole, once. */
export async function verifyImage({ podman, memory }: ImageStore, step: StepOf<"verifyImage">, signal: AbortSignal): Promise<Outcome> {
  const { image, imageId } = step;
  try {
    await podman.verifyImage(imageId, signal);
    memory.suspected.delete(imageReference(image));
  } catch (error) {
    if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
    memory.verified.add(imageId);
    // Any other error says nothing about the image, and the container's own words stand.
    return error.code === "damaged" ? { kind: "changed", code: error.code, detail: error.detail } : { kind: "changed" };
  }
  memory.verified.add(imageId);
  return { kind: "changed" };
}

export function noteDamage({ memory }: ImageStore, { of, where, container, detail, after }: StepOf<"noteDamage">): void {
  const { damage } = memory;
  for (const one of "reference" in of ? wantedOf(memory, of.reference) : [of]) {
    if (after !== null) damage.done(one, after);
    damage.found(one, where, { container, detail });
  }
}

/**
 * Why the image should not be removed, in a sentence: a damaged image may still be better than
 * none. null: the registry has it.
 */
async function unobtainable(
  store: ImageStore,
  { image, reference, detail }: StepOf<"repairImage">,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    await askRegistry(store, { reference, policy: "always" }, signal, () => undefined);
  } catch (error) {
    if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
    if (error.code !== "damaged")
      return `image "${image}" is damaged on this device (${detail}), and it cannot be fetched again (${error.detail}): that is tried again; check the registry and the device's network`;
  }
  return null;
}

/**
 * Why the image cannot be removed, in a sentence: this repair does not remove one of its
 * containers, since it may serve well all the same.
 */
async function inUse(
  { podman, application: { program } }: ImageStore,
  { image, reference, deployment, containers, detail }: StepOf<"repairImage">,
  signal: AbortSignal,
): Promise<string | null> {
  const made = await podman.containersOf(reference, signal);
  const other = made.flatMap(({ Names }) => Names).find((name) => !containers.includes(name));
  return other === undefined
    ? null
    : `image "${image}" is damaged on this device (${detail}), and cannot be fetched again while container "${other}" is made of it too: \`${program} podman rm --force ${other}\`, then \`${program} retry ${deployment}\``;
}

/**
 * The check fails where a container needs what it would remove, and says no more than that. The
 * next try to start shows the result.
 */
async function repairStorage({ podman }: ImageStore, signal: AbortSignal): Promise<void> {
  try {
    await podman.repairStorage(signal);
  } catch (error) {
    if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
  }
}
