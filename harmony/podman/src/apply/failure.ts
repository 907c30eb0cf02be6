// What Podman could not do, as an Outcome: a word for machines, and one sentence that says what is wrong and what would mend it.

import type { Outcome } from "@harmony/core";
import type { Application } from "../model/application.ts";
import { BUSY_REGISTRY_MS } from "../images/busy-registries.ts";
import { podmanUnits } from "../libpod/podman-units.ts";
import { loginCommand } from "../words/commands-for-a-person.ts";
import { MISSING_SOURCE, type PodmanError } from "../libpod/podman-error.ts";
import { doing } from "../words/step-in-words.ts";
import type { Step } from "../model/step.ts";

export function outcomeOf(step: Step, error: PodmanError, { program, user }: Application): Outcome {
  const subject = "service" in step ? step.service : step.kind.endsWith("Network") ? "network" : "volume";
  const told = (kind: "blocked" | "failed", reason: string, message: string): Outcome => ({ kind, subject, reason, message });
  const blocked = (reason: string, message: string): Outcome => told("blocked", reason, message);
  const image = "image" in step ? step.image : "";
  const registry = "reference" in step ? (step.reference.split("/")[0] ?? "") : "";

  switch (error.code) {
    case "image-not-found":
      return blocked(
        "ImageNotFound",
        `image "${image}" does not exist in its registry: correct the image or its tag in the deployment, or push the image`,
      );
    case "image-name-invalid":
      return blocked("ImageNotFound", `image "${image}" is not a valid reference (${error.detail}): correct it in the deployment`);
    case "wrong-architecture":
      return blocked(
        "WrongArchitecture",
        `image "${image}" is not built for this device's processor (${error.detail}): build and push it for this architecture too`,
      );
    case "registry-unreachable":
      return blocked(
        "RegistryUnreachable",
        `registry ${registry} of image "${image}" cannot be reached (${error.detail}): it is tried again; check the registry and the device's network`,
      );
    case "registry-denied":
      return blocked(
        "RegistryDenied",
        `registry ${registry} refuses image "${image}": it is private or does not exist there; log the device in (${loginCommand(user, registry)}), or correct the image in the deployment`,
      );
    case "registry-busy":
      return blocked(
        "RegistryBusy",
        `registry ${registry} has been asked too often and does not give image "${image}" now (${error.detail}): it is asked again after ${BUSY_REGISTRY_MS / 60_000} minutes; logged in (${loginCommand(user, registry)}), the device has a limit of its own`,
      );
    case "port-in-use":
      return blocked(
        "PortInUse",
        `${portOf(error.detail)} of service "${subject}" is in use on the device by something else: give the service another port, or end what holds it`,
      );
    case "address-missing": {
      const address = /(?:-[tu] |listen (?:tcp|udp) )\[?([\d.]+|[\da-f:]+)\]?[/:]\d/i.exec(error.detail)?.[1] ?? "an address";
      return blocked(
        "AddressMissing",
        `service "${subject}" has a port at ${address}, which is no address of this device now: it is started when it is; see \`ip -br address\`, or correct \`ports\` in the deployment`,
      );
    }
    case "routes-refused":
      return blocked(
        "NetworkNotReady",
        `Podman cannot make the network of service "${subject}" (${error.detail}), as when the device's cable is out: plug it in; \`${program} doctor\` tells how containers start without it`,
      );
    case "network-half-made":
      return blocked(
        "NetworkNotReady",
        `Podman cannot make the network of service "${subject}" (${error.detail}), of which a Podman that was killed has left a part: it is tried again; a reboot clears it`,
      );
    case "source-missing": {
      const source = MISSING_SOURCE.exec(error.detail)?.[1] ?? "a path";
      return source.startsWith("/dev/")
        ? blocked("DeviceMissing", `device ${source} of service "${subject}" is not there: plug it in; the service is started when it is`)
        : blocked("HostPathMissing", `path ${source}, which service "${subject}" mounts, is not there: it is tried again; make it there`);
    }
    case "damaged":
      return blocked(
        "ImageDamaged",
        `${doing(step)} failed, because files in Podman's storage are damaged (${error.detail}), as a power cut leaves them: they are made again`,
      );
    case "disk-full":
      return blocked(
        "DiskFull",
        `the device's disk is full, so ${doing(step)} failed: free some space (\`${program} podman image prune -a\` removes images that nothing uses)`,
      );
    case "conflict":
      if (step.kind === "create" || step.kind === "rename") {
        const name = step.kind === "create" ? step.container : step.to;
        return blocked(
          "NameInUse",
          `a container "${name}" that was not made by this deployment is in the way: remove or rename it (\`${program} podman rm ${name}\`)`,
        );
      }
      // Made by hand, or by a pass that did not live to see it: there is one, which is what was wanted.
      return step.kind === "createNetwork" || step.kind === "createVolume"
        ? { kind: "unchanged" }
        : told("failed", "PodmanFailed", sentence(step, error));
    case "not-found":
      // It went away between the look and the deed: the next look tells.
      return { kind: "changed" };
    case "unreachable":
      return told(
        "failed",
        "PodmanUnreachable",
        `Podman does not answer (${error.detail}), so ${doing(step)} failed: it is tried again; see ${podmanUnits(user)} on the device`,
      );
    case "bad-answer":
      return told("failed", "PodmanFailed", error.message);
    case "failed":
      if (step.kind === "create" && /catatonit/.test(error.detail)) {
        return blocked(
          "InitMissing",
          `service "${subject}" has \`init: true\`, which takes a program: \`sudo apt install catatonit\` on the device`,
        );
      }
      return told(
        "failed",
        step.kind === "start" ? "StartFailed" : step.kind === "pull" ? "PullFailed" : "PodmanFailed",
        sentence(step, error),
      );
  }
}

function sentence(step: Step, error: PodmanError): string {
  const advice =
    step.kind === "start" || step.kind === "create" ? "correct the deployment if it is at fault; it is tried again" : "it is tried again";
  return `${doing(step)} failed: ${error.detail === "" ? error.message : error.detail}; ${advice}`;
}

function portOf(detail: string): string {
  const port = /(?:port |:)(\d{1,5})\b/.exec(detail)?.[1];
  return port === undefined ? "a host port" : `host port ${port}`;
}
