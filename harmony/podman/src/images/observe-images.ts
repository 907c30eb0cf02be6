// Observes the images that a Score names, for the planner (plan/repair-images.ts,
// plan/image-obstacle.ts). It only reads: damage that it finds is a fact of the snapshot, which the
// root of the package remembers.

import type { Desired } from "@harmony/core";
import { AFTER_FULL_BYTES, freeBytes, type ImageStore, RESERVE_BYTES } from "./image-store.ts";
import type { ImageMemory, Wanted } from "./image-memory.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import type { ImageFacts, UnusedImage } from "../model/image-facts.ts";
import { imageReference } from "../model/names.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";

type ImageFact = Snapshot["images"][string];
type Reading = { readonly image: ImageFact; readonly damage: string | null };

/** The images of the services that should exist; null: the deployment is to be removed. */
export function wantedBy({ name: deployment, data }: Desired<PodmanV0>): readonly Wanted[] | null {
  return data?.services.map(({ name: service, image }) => ({ deployment, service, reference: imageReference(image) })) ?? null;
}

/** `desired`: includes the services of the version to go back to. */
export async function observeImages(
  store: ImageStore,
  desired: Desired<PodmanV0>,
  signal: AbortSignal,
): Promise<Pick<Snapshot, "images" | "imageFacts">> {
  const { memory } = store;
  const wanted = wantedBy(desired) ?? [];
  const references = [...new Set(wanted.map(({ reference }) => reference))];
  const readings = new Map(
    await Promise.all(references.map(async (reference) => [reference, await readImage(store, reference, signal)] as const)),
  );
  const damaged = new Map(
    wanted.flatMap(({ service, reference }) => {
      const detail = readings.get(reference)?.damage ?? null;
      return detail === null ? [] : [[service, detail] as const];
    }),
  );
  const missing = references.filter((reference) => readings.get(reference)?.image === null && !reference.startsWith("localhost/"));
  const room = missing.length === 0 ? {} : await roomFor(store, missing, signal);
  const isFull = memory.full.has(desired.name);
  const isShort = isFull || Object.values(room).some(({ freeBytes, neededBytes }) => freeBytes < neededBytes);
  return {
    images: Object.fromEntries([...readings].map(([reference, { image }]) => [reference, image])),
    imageFacts: {
      incidents: memory.damage.of(
        desired.name,
        wanted.map(({ service }) => service),
        damaged,
      ),
      notes: notesOn(references, memory),
      verified: [...memory.verified],
      room,
      shortBytes: isFull ? AFTER_FULL_BYTES : 0,
      unused: isShort ? await unusedImages(store, new Map([...memory.wanted, [desired.name, wanted]]), signal) : [],
    },
  };
}

async function readImage({ podman, ledger }: ImageStore, reference: string, signal: AbortSignal): Promise<Reading> {
  // The power cut may have left this pull's layers in part: the image does not count as present
  // before it was read.
  if ((await ledger.pullState(reference)) === "cut") return { image: null, damage: null };
  try {
    const image = await podman.inspectImage(reference, signal);
    return { image: image === null ? null : { id: image.Id, digest: image.Digest }, damage: null };
  } catch (error) {
    if (!(error instanceof PodmanError) || error.code !== "damaged") throw error;
    return { image: null, damage: error.detail };
  }
}

function notesOn(references: readonly string[], { notes, unflushed }: ImageMemory): string[] {
  const ofImages = references.flatMap((reference) => {
    const note = notes.get(reference);
    return note === undefined ? [] : [`image ${reference}: ${note}`];
  });
  return unflushed === null ? ofImages : [...ofImages, unflushed];
}

async function roomFor(store: ImageStore, references: readonly string[], signal: AbortSignal): Promise<ImageFacts["room"]> {
  const free = await freeBytes(store, signal);
  return Object.fromEntries(
    references.map((reference) => {
      const neededBytes = Math.max(RESERVE_BYTES, store.memory.neededBytes.get(reference) ?? 0);
      return [reference, { freeBytes: free, neededBytes }];
    }),
  );
}

/**
 * The images that the agent pulled and nothing refers to, the oldest first. `wanted`: by
 * deployment.
 */
export async function unusedImages(
  { podman, ledger, memory }: ImageStore,
  wanted: ImageMemory["wanted"],
  signal: AbortSignal,
): Promise<readonly UnusedImage[]> {
  if ([...memory.awaited].some((deployment) => !wanted.has(deployment))) return [];
  const [listed, pulled] = await Promise.all([podman.listImages(signal), ledger.pulled()]);
  const needed = new Set([...wanted.values()].flat().map(({ reference }) => reference));
  return listed
    .filter(({ Containers }) => Containers === 0)
    .flatMap((image) => {
      const ours = pulled[image.Id];
      const isOurs = ours !== undefined && image.RepoTags.every((tag) => ours.references.includes(tag));
      return isOurs && !image.RepoTags.some((tag) => needed.has(tag)) ? [{ ...image, pulledAtMs: ours.atMs }] : [];
    })
    .toSorted((a, b) => a.pulledAtMs - b.pulledAtMs)
    .map(({ Id: id, RepoTags, Size: sizeBytes }) => ({ id, name: RepoTags[0] ?? id.slice(0, 12), sizeBytes }));
}
