// Words a step for a person: in a failure, and in a plan.

import { megabytes } from "../model/units.ts";
import type { Step } from "../model/step.ts";

export function doing(step: Step): string {
  switch (step.kind) {
    case "pull":
      return `pulling image "${step.image}"`;
    case "repairImage":
      return repairing(step);
    case "verifyImage":
      return `looking whether image "${step.image}" is whole`;
    case "pruneImages": {
      const names = step.images.map(({ name, sizeBytes }) => `"${name}" (${megabytes(sizeBytes)})`).join(", ");
      return `removing ${step.images.length === 1 ? "image" : "images"} ${names}, which nothing uses, to make room for ${step.need}`;
    }
    case "createNetwork":
    case "removeNetwork":
      return `${step.kind === "createNetwork" ? "creating" : "removing"} network "${step.network}"`;
    case "createVolume":
      return `creating volume "${step.volume}"`;
    case "create":
      return `creating container "${step.container}"`;
    case "start":
    case "revive":
      return `starting container "${step.container}"`;
    case "unpause":
      return `resuming container "${step.container}"`;
    case "stop":
      return `stopping container "${step.container}"`;
    case "rename":
      return `renaming container "${step.container}"`;
    case "createSecret":
      return `handing secret "${step.name}" to Podman for service "${step.service}"`;
    case "removeSecret":
      return `removing the unused secret "${step.secret}" from Podman`;
    case "repairSecretStore":
      return `repairing Podman's store of secrets, which is damaged (${step.detail}), as a power cut leaves it: what cannot be read is kept in ${step.folder} as *.damaged, and the secrets are handed to Podman again`;
    case "writeMounts":
      return `writing the files of service "${step.service}"`;
    case "removeMounts":
      return `removing the unused files "${step.folder}"`;
    case "journal":
      return `recording in the journal that ${step.why}`;
    case "recordStart":
      return `recording what is started after a power cut (${step.containers.join(", ") || "nothing"})`;
    case "remove":
      return `removing container "${step.container}"`;
    case "noteDamage":
      return "noting what is damaged";
    case "noteFullDisk":
      return `looking for images to remove for deployment "${step.deployment}"`;
    case "releaseReserve":
      return "giving up what is kept of the disk for the time when it is full";
  }
}

function repairing({ repair, containers, image }: Extract<Step, { kind: "repairImage" }>): string {
  switch (repair) {
    case "recreate":
      return `making ${containers.map((name) => `container "${name}"`).join(", ")} again, which is damaged`;
    case "refetch":
      return `fetching image "${image}" again, which is damaged on this device`;
    case "clear":
      return `fetching image "${image}" again, which is still damaged, without the images that may share its layers and that nothing uses`;
    case "repair":
      return `letting Podman repair its storage, in which image "${image}" is damaged`;
  }
}
