// What images need before a plan can be made as usual: pure, from the facts that image-store.ts gathers. A damaged container or image
// is mended first; a program that cannot be executed makes its image suspect, which is then read as a whole, once; when a pull is due and
// the disk is short of space, or a container has met a full one, images that nothing refers to go, the oldest first and only as many as it
// takes. What cannot be mended or made room for is an obstacle to its service alone.

import type { Blocked } from "@harmony/core";
import { lookUp } from "@harmony/schema";
import type { Incident } from "../model/image-facts.ts";
import type { ImageCare, Room, UnusedImage } from "../model/image-facts.ts";
import { imageReference } from "../model/names.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import type { Service } from "../score/service.ts";
import type { Role } from "./role.ts";
import { isUp } from "../model/container-state.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import { megabytes } from "../model/units.ts";

/** What a loader or the kernel says of a program that is cut short. It can be the image's own fault too. */
const UNEXECUTABLE = /exec format error|file too short|invalid ELF header|cannot execute binary file/i;
/** Not executable, not found, and ended by SIGILL, SIGBUS, SIGSEGV: what a program does that lacks a part of itself. */
const ENDS_LIKE_CUT: ReadonlySet<number> = new Set([126, 127, 132, 135, 139]);

/** Steps that come before all others; while there are any, nothing else is planned. */
export function careFirst(deployment: string, { services }: PodmanV0, { care, containers }: Snapshot): Step[] {
  const own = containers.filter((container) => container.deployment === deployment);
  const cures = services.flatMap((service) => cure(deployment, service, lookUp(care.incidents, service.name), own));
  if (cures.length > 0) return cures;
  const suspects = services.flatMap((service) => suspect(service, own, care));
  return suspects.length > 0 ? suspects : makeRoom(deployment, services, care);
}

function cure(deployment: string, { name: service, image }: Service, incident: Incident | undefined, own: readonly Container[]): Step[] {
  if (incident === undefined || incident.next === null || incident.next === "exhausted") return [];
  const { container, detail, next } = incident;
  const reference = imageReference(image);
  const isMadeOfIt = ({ scoreString }: Container): boolean =>
    scoreOfLabel(scoreString)?.services.some((one) => one.name === service && imageReference(one.image) === reference) ?? false;
  const containers = own
    .filter((one) => one.name === container || (isOf(one.name, service) && !isUp(one) && isMadeOfIt(one)))
    .map(({ name }) => name);
  return [{ kind: "mend", cure: next, service, deployment, containers, image, reference, detail }];
}

function suspect({ name: service, image }: Service, own: readonly Container[], { verified, incidents }: ImageCare): Step[] {
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

function makeRoom(deployment: string, services: readonly Service[], { room, shortBytes: ofContainers, unused }: ImageCare): Step[] {
  const ofImages = services.map(({ image }) => ({ need: `image "${image}"`, shortBytes: short(room[imageReference(image)]) }));
  const needs = [...ofImages, { need: `the containers of deployment "${deployment}"`, shortBytes: ofContainers }];
  const [neediest] = needs.toSorted((a, b) => b.shortBytes - a.shortBytes);
  const images: UnusedImage[] = [];
  let freedBytes = 0;
  for (const image of unused) {
    if (neediest === undefined || freedBytes >= neediest.shortBytes) break;
    images.push(image);
    freedBytes += image.sizeBytes;
  }
  return neediest === undefined || images.length === 0 ? [] : [{ kind: "makeRoom", images, need: neediest.need }];
}

function short(room: Room | undefined): number {
  return room === undefined ? 0 : Math.max(0, room.neededBytes - room.freeBytes);
}

/** Why a service cannot be started or replaced now, as far as it is the image's or the disk's fault. */
export function imageObstacle(
  { service, wanted }: Pick<Role, "service" | "wanted">,
  deployment: string,
  { care, application: { program } }: Snapshot,
): Blocked[] {
  const { name, image } = service;
  const incident = lookUp(care.incidents, name);
  if (incident?.next === "exhausted") {
    const message = `image "${image}" or its container is damaged on this device (${incident.detail}), and neither making the container again nor fetching the image again nor a repair of Podman's storage has helped: it is tried again within an hour, and at once after \`${program} retry ${deployment}\`; see whether the disk is at fault (\`dmesg\`)`;
    return [{ subject: name, reason: "ImageDamaged", message }];
  }
  const room = care.room[imageReference(image)];
  // A container that is there needs no image any more.
  if (wanted === "neither" && room !== undefined && short(room) > 0) {
    const message = `the device's disk has only ${megabytes(room.freeBytes)} free, and pulling image "${image}" needs at least ${megabytes(room.neededBytes)}: free some space (\`${program} podman image prune -a\` removes images that nothing uses, \`${program} podman system df\` shows what takes it)`;
    return [{ subject: name, reason: "DiskFull", message }];
  }
  return [];
}
