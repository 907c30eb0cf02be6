// Finds what about an image, or the room for it, keeps a service from being started or replaced
// now, and may pass. Pure.

import type { Blocked, Reason } from "../model/reason.ts";
import { lookUp } from "@harmony/schema";
import type { Slot } from "./slot.ts";
import type { Room } from "../model/image-facts.ts";
import { imageReference } from "../model/names.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { megabytes } from "../model/units.ts";

export function imageObstacle(
  { service, wanted }: Pick<Slot, "service" | "wanted">,
  deployment: string,
  { imageFacts, images, application: { program } }: Pick<Snapshot, "imageFacts" | "images" | "application">,
): Blocked[] {
  const { name, image, pull } = service;
  const blocked = (reason: Reason, message: string): Blocked[] => [{ subject: name, reason, message }];
  const incident = lookUp(imageFacts.incidents, name);
  if (incident?.next === "exhausted") {
    return blocked(
      "ImageDamaged",
      `image "${image}" or its container is damaged on this device (${incident.detail}), and neither making the container again nor fetching the image again nor a repair of Podman's storage has helped: it is tried again within an hour, and at once after \`${program} retry ${deployment}\`; look whether the disk is broken (\`sudo dmesg\`)`,
    );
  }
  // A container that exists needs no image any more.
  if (wanted !== "neither") return [];
  const reference = imageReference(image);
  const room = imageFacts.room[reference];
  if (room !== undefined && missingBytes(room) > 0) {
    return blocked(
      "DiskFull",
      `the device's disk has only ${megabytes(room.freeBytes)} free, and pulling image "${image}" needs at least ${megabytes(room.neededBytes)}: free some space (\`${program} podman image prune -a\` removes images that nothing uses, \`${program} podman system df\` shows what takes it)`,
    );
  }
  // Podman gives this name to an image that was built or loaded on the spot: looking for it in a
  // registry costs a minute and ends in a riddle.
  const isLocal = reference.startsWith("localhost/");
  if ((pull !== "never" && !isLocal) || images[reference] !== null) return [];
  return blocked(
    "ImageNotFound",
    isLocal
      ? `image "${image}" is not on the device, and "localhost/" names what was built or loaded there: load it (\`${program} load FILE\`), or correct the image in the deployment`
      : `image "${image}" is not on the device, and \`pull: never\` keeps it from being fetched: load it there, or leave \`pull\` out`,
  );
}

export function missingBytes(room: Room | undefined): number {
  return room === undefined ? 0 : Math.max(0, room.neededBytes - room.freeBytes);
}
