// Makes an Outcome of Podman's failure: a word for machines, and one sentence that says what is
// wrong and what would repair it.

import type { Outcome, Reason } from "../model/reason.ts";
import type { Application } from "../model/application.ts";
import { BUSY_REGISTRY_MS } from "../images/busy-registries.ts";
import { podmanUnits } from "../libpod/podman-units.ts";
import { loginCommand } from "../words/commands-for-a-person.ts";
import { MISSING_SOURCE, SYSCTL_FILE, type PodmanError, type PodmanErrorCode } from "../libpod/podman-error.ts";
import { doing } from "../words/step-in-words.ts";
import type { Step } from "../model/step.ts";

export function outcomeOf(step: Step, error: PodmanError, { program, user }: Application): Outcome {
  const subject = "service" in step ? step.service : step.kind.endsWith("Network") ? "network" : "volume";
  const image = "image" in step ? step.image : "";
  const registry = "reference" in step ? (step.reference.split("/")[0] ?? "") : "";
  const result = RESULTS[error.code]({ step, error, detail: error.detail, subject, image, registry, program, user });
  return "reason" in result ? { ...result, subject } : result;
}

interface Refused extends Pick<Application, "program" | "user"> {
  readonly step: Step;
  readonly error: PodmanError;
  /** Podman's words. */
  readonly detail: string;
  readonly subject: string;
  readonly image: string;
  readonly registry: string;
}

type Result =
  | { readonly kind: "changed" | "unchanged" }
  | { readonly kind: "blocked" | "failed"; readonly reason: Reason; readonly message: string };

function blocked(reason: Reason, message: string): Result {
  return { kind: "blocked", reason, message };
}

function failed(reason: Reason, message: string): Result {
  return { kind: "failed", reason, message };
}

const RESULTS: Readonly<Record<PodmanErrorCode, (refused: Refused) => Result>> = {
  "image-not-found": ({ image }) =>
    blocked(
      "ImageNotFound",
      `image "${image}" does not exist in its registry: correct the image or its tag in the deployment, or push the image`,
    ),
  "image-name-invalid": ({ image, detail }) =>
    blocked("ImageNotFound", `image "${image}" is not a valid reference (${detail}): correct it in the deployment`),
  "wrong-architecture": ({ image, detail }) =>
    blocked(
      "WrongArchitecture",
      `image "${image}" is not built for this device's processor (${detail}): build and push it for this architecture too`,
    ),
  "registry-unreachable": ({ image, registry, detail }) =>
    blocked(
      "RegistryUnreachable",
      `registry ${registry} of image "${image}" cannot be reached (${detail}): it is tried again; check the registry and the device's network`,
    ),
  "registry-untrusted": ({ image, registry, detail }) =>
    blocked(
      "RegistryUntrusted",
      `registry ${registry} of image "${image}" shows a certificate of an authority that this device does not know (${detail}): put the authority's certificate into /etc/containers/certs.d/${registry}/ca.crt`,
    ),
  "image-not-trusted": ({ image, detail }) =>
    blocked(
      "ImageNotTrusted",
      `image "${image}" may not run on this device: ${detail}; sign the image as the rule asks, or correct the rule`,
    ),
  "registry-denied": ({ image, registry, user }) =>
    blocked(
      "RegistryDenied",
      `registry ${registry} refuses image "${image}": it is private or does not exist there; log the device in (${loginCommand(user, registry)}), or correct the image in the deployment`,
    ),
  "registry-busy": ({ image, registry, detail, user }) =>
    blocked(
      "RegistryBusy",
      `registry ${registry} has been asked too often and does not give image "${image}" now (${detail}): it is asked again after ${BUSY_REGISTRY_MS / 60_000} minutes; log the device in (${loginCommand(user, registry)}), which gives it a limit of its own`,
    ),
  "port-in-use": ({ subject, detail }) =>
    blocked(
      "PortInUse",
      `${portOf(detail)} of service "${subject}" is in use on the device by something else: give the service another port, or end what holds it`,
    ),
  "address-missing": ({ subject, detail }) => {
    const address = /(?:-[tu] |listen (?:tcp|udp) )\[?([\d.]+|[\da-f:]+)\]?[/:]\d/i.exec(detail)?.[1] ?? "an address";
    return blocked(
      "AddressMissing",
      `service "${subject}" has a port at ${address}, which is no address of this device now: it is started when it is; see \`ip -br address\`, or correct \`ports\` in the deployment`,
    );
  },
  "routes-refused": ({ subject, detail, program }) =>
    blocked(
      "NetworkNotReady",
      `Podman cannot make the network of service "${subject}" (${detail}), as when the device's cable is out: plug it in; \`${program} doctor\` says how containers start without it`,
    ),
  "network-half-made": ({ subject, detail }) =>
    blocked(
      "NetworkNotReady",
      `Podman cannot make the network of service "${subject}" (${detail}), of which a Podman that was killed has left a part: it is tried again; reboot the device if it stays so`,
    ),
  "source-missing": ({ subject, detail }) => {
    const source = MISSING_SOURCE.exec(detail)?.[1] ?? "a path";
    return source.startsWith("/dev/")
      ? blocked("DeviceMissing", `device ${source} of service "${subject}" is not there: plug it in; the service is started when it is`)
      : blocked("HostPathMissing", `path ${source}, which service "${subject}" mounts, is not there: it is tried again; make it there`);
  },
  "ulimit-refused": ({ subject, detail, user }) => {
    const limit = /RLIMIT_([A-Z]+)/.exec(detail)?.[1]?.toLowerCase() ?? "of a process";
    return failed(
      "UlimitRefused",
      `service "${subject}" asks for more than the device's user has of the limit ${limit} (\`ulimits\`): ask for less, or raise it on the device (\`Limit${limit.toUpperCase()}=\` in a drop-in of user@.service for ${user}), then reboot`,
    );
  },
  "sysctl-refused": ({ subject, detail }) => {
    const name = SYSCTL_FILE.exec(detail)?.[1]?.replaceAll("/", ".") ?? "one of them";
    return failed(
      "SysctlRefused",
      `service "${subject}" sets the sysctl ${name}, which this device does not let a container set (${detail}): take it out of \`sysctls\`, or set it on the device in /etc/sysctl.d`,
    );
  },
  "group-missing": ({ subject, detail }) =>
    failed(
      "GroupMissing",
      `service "${subject}" wants a group that its image does not have (${/find group (\S+?):/.exec(detail)?.[1] ?? "groupAdd"}): name it by its number in \`groupAdd\``,
    ),
  damaged: ({ step, detail }) =>
    blocked(
      "ImageDamaged",
      `${doing(step)} failed, because files in Podman's storage are damaged (${detail}), as a power cut leaves them: nothing has to be done, they are made again`,
    ),
  "disk-full": ({ step, program }) =>
    blocked(
      "DiskFull",
      `the device's disk is full, so ${doing(step)} failed: free some space (\`${program} podman image prune -a\` removes images that nothing uses)`,
    ),
  conflict: (refused) => {
    const { step, program } = refused;
    if (step.kind === "create" || step.kind === "rename") {
      const name = step.kind === "create" ? step.container : step.to;
      return blocked(
        "NameInUse",
        `a container "${name}" that was not made by this deployment is in the way: remove or rename it (\`${program} podman rm ${name}\`)`,
      );
    }
    // It was made by hand, or by a pass that ended before it saw it: it exists, which is what was
    // wanted.
    return step.kind === "createNetwork" || step.kind === "createVolume"
      ? { kind: "unchanged" }
      : failed("PodmanFailed", sentence(refused));
  },
  // Changed since observed; the next pass decides.
  "not-found": () => ({ kind: "changed" }),
  unreachable: ({ step, detail, user }) =>
    failed(
      "PodmanUnreachable",
      `Podman does not answer (${detail}), so ${doing(step)} failed: it is tried again; see ${podmanUnits(user)} on the device`,
    ),
  "bad-answer": ({ error, program }) => failed("PodmanFailed", `${error.message}; it is tried again; see \`${program} doctor\``),
  failed: (refused) => {
    const { step, subject, detail } = refused;
    if (step.kind === "create" && /catatonit/.test(detail)) {
      return blocked(
        "InitMissing",
        `service "${subject}" has \`init: true\`, which takes a program: \`sudo apt install catatonit\` on the device`,
      );
    }
    const port = refusedLowPort(detail);
    if (port !== undefined) return failed("StartFailed", lowPort(subject, port));
    return failed(step.kind === "start" ? "StartFailed" : step.kind === "pull" ? "PullFailed" : "PodmanFailed", sentence(refused));
  },
};

function sentence({ step, error, program }: Pick<Refused, "step" | "error" | "program">): string {
  const isOfTheScore = step.kind === "start" || step.kind === "create";
  const advice = isOfTheScore ? "correct the deployment if it asks for what cannot be" : `see \`${program} doctor\``;
  return `${doing(step)} failed: ${error.detail === "" ? error.message : error.detail}; it is tried again; ${advice}`;
}

/** As rootlessport and pasta say it. */
function refusedLowPort(detail: string): string | undefined {
  return (/privileged port (\d+)/.exec(detail) ?? /port (\d+)\D*permission denied/i.exec(detail))?.[1];
}

function lowPort(subject: string, port: string): string {
  const file = "/etc/sysctl.d/90-low-ports.conf";
  return `service "${subject}" wants host port ${port}, which this device gives to root alone: give the service a port from 1024 on, or allow the port (\`echo net.ipv4.ip_unprivileged_port_start=${port} | sudo tee ${file} && sudo sysctl --system\`)`;
}

function portOf(detail: string): string {
  const port = /(?:port |:)(\d{1,5})\b/.exec(detail)?.[1];
  return port === undefined ? "a host port" : `host port ${port}`;
}
