// Plans the work on images before anything else. A damaged container or image is repaired. An image
// whose program cannot be executed is read as a whole, once. Images that nothing refers to are
// pruned when a pull is due and the disk is short, or a container has met a full one. Pure, from
// the facts that observe-images.ts gathers. Damage that none of it helps is an obstacle to its
// service alone (image-obstacle.ts).

import { lookUp } from "@harmony/schema";
import { missingBytes } from "./image-obstacle.ts";
import type { Wanted } from "./situation.ts";
import { type Stage, stepsOr, type StoodBack } from "./stage.ts";
import { isUp } from "../model/container-state.ts";
import type { ImageFacts, Incident, UnusedImage } from "../model/image-facts.ts";
import { imageReference } from "../model/names.ts";
import type { Container } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { Service } from "../score/service.ts";
import { scoreOfLabel } from "../score/score-label.ts";

/**
 * The words of a loader or the kernel about a program that is cut short. It can be the image's own
 * fault too.
 */
const UNEXECUTABLE = /exec format error|file too short|invalid ELF header|cannot execute binary file/i;
/**
 * The exit codes of a program that lacks a part of itself: not executable, not found, by SIGILL,
 * SIGBUS or SIGSEGV.
 */
const ENDS_LIKE_CUT: ReadonlySet<number> = new Set([126, 127, 132, 135, 139]);

/**
 * Makes the next repair of each incident: removes what Podman called damaged, so that the next pass
 * fetches and makes it again.
 */
export const repairImage: Stage<Wanted> = {
  name: "repair-image",
  purpose: "an image or a container of it is damaged in Podman's storage",
  plan: ({ deployment, target, own, snapshot: { imageFacts } }) =>
    stepsOr(
      target.score.services.flatMap((service) => repair(deployment, service, lookUp(imageFacts.incidents, service.name), own)),
      "nothing is found damaged that a repair is left for",
    ),
};

/**
 * Reads an image as a whole, once, after its program failed like one that a power cut has cut
 * short.
 */
export const verifyImage: Stage<Wanted> = {
  name: "verify-image",
  purpose: "a program could not be executed, so its image may be damaged",
  plan: ({ target, own, snapshot: { imageFacts } }) =>
    stepsOr(
      target.score.services.flatMap((service) => suspect(service, own, imageFacts)),
      "no program failed as one that is cut short",
    ),
};

/** Removes images that nothing uses, the oldest first and only as many as needed. */
export const pruneImages: Stage<Wanted> = {
  name: "prune-images",
  purpose: "the disk is too short of room for an image or a container",
  plan: ({ deployment, target, snapshot: { imageFacts } }) => prune(deployment, target.score.services, imageFacts),
};

function repair(deployment: string, { name: service, image }: Service, incident: Incident | undefined, own: readonly Container[]): Step[] {
  if (incident === undefined || incident.next === null || incident.next === "exhausted") return [];
  const { container, detail, next } = incident;
  const reference = imageReference(image);
  const isMadeOfIt = ({ scoreString }: Container): boolean =>
    scoreOfLabel(scoreString)?.services.some((one) => one.name === service && imageReference(one.image) === reference) ?? false;
  const containers = own
    .filter((one) => one.name === container || (isOf(one.name, service) && !isUp(one) && isMadeOfIt(one)))
    .map(({ name }) => name);
  return [{ kind: "repairImage", repair: next, service, deployment, containers, image, reference, detail }];
}

function suspect({ name: service, image }: Service, own: readonly Container[], { verified, incidents }: ImageFacts): Step[] {
  if (lookUp(incidents, service) !== undefined) return [];
  const found = own.find(
    ({ name, imageId, exitCode, lastLines }) =>
      isOf(name, service) &&
      (ENDS_LIKE_CUT.has(exitCode) || lastLines.some((line) => UNEXECUTABLE.test(line))) &&
      !verified.includes(imageId),
  );
  if (found === undefined) return [];
  const { name: container, imageId, deployment } = found;
  return [{ kind: "verifyImage", service, deployment, container, image, imageId }];
}

function isOf(container: string, service: string): boolean {
  return container.endsWith(`_${service}`) || container.endsWith(`_${service}.next`);
}

function prune(
  deployment: string,
  services: readonly Service[],
  { room, shortBytes: ofContainers, unused }: ImageFacts,
): readonly Step[] | StoodBack {
  const ofImages = services.map(({ image }) => ({ need: `image "${image}"`, shortBytes: missingBytes(room[imageReference(image)]) }));
  const needs = [...ofImages, { need: `the containers of deployment "${deployment}"`, shortBytes: ofContainers }];
  const [neediest] = needs.toSorted((a, b) => b.shortBytes - a.shortBytes);
  if (neediest === undefined || neediest.shortBytes === 0) return { stoodBack: "there is room for all that is to be made" };
  const images: UnusedImage[] = [];
  let freedBytes = 0;
  for (const image of unused) {
    if (freedBytes >= neediest.shortBytes) break;
    images.push(image);
    freedBytes += image.sizeBytes;
  }
  if (images.length === 0) return { stoodBack: `there is too little room for ${neediest.need}, and no image that may be removed` };
  return [{ kind: "pruneImages", images, need: neediest.need }];
}
