// Finds what on the device itself keeps a service from being made or started now, and may pass:
// secrets, labels, device nodes and host paths that are not there. Pure; each sentence names what
// to do on the device.

import type { Blocked, Reason } from "../model/reason.ts";
import { lookUp } from "@harmony/schema";
import { type DeviceFact, secretStoreDamaged } from "../model/input-facts.ts";
import type { Inputs } from "../model/inputs.ts";
import { allowsPath } from "../score/policy.ts";
import type { Service } from "../score/service.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";

type OfDevice = Pick<Snapshot, "host" | "policy" | "application">;

interface Subject {
  readonly service: Service;
  readonly inputs: Inputs;
}

/** It keeps a container both from being made and from being started. */
export function secretStoreObstacle(
  { service, inputs }: Subject,
  { secrets, secretStore, application }: Pick<Snapshot, "secrets" | "secretStore" | "application">,
): Blocked[] {
  const isUsable = secrets !== null && secretStore.kind === "in-order";
  return isUsable || Object.keys(inputs.secretEnv).length === 0
    ? []
    : [{ subject: service.name, reason: "SecretStoreDamaged", message: secretStoreDamaged(application) }];
}

export function obstaclesToMaking({ service, inputs }: Subject, { host, policy, application }: OfDevice): Blocked[] {
  const { program, user } = application;
  const blocked = (reason: Reason, message: string): Blocked => ({ subject: service.name, reason, message });
  return inputs.missing.map(({ kind, name }) => {
    if (kind === "label") {
      return blocked(
        "LabelMissing",
        `service "${service.name}" needs the device's label "${name}", which is not set: add \`${/^[\w-]+$/.test(name) ? name : JSON.stringify(name)} = "…"\` under [agent.labels] in ${policy.file}, then \`sudo systemctl restart ${program}\``,
      );
    }
    const file = `${host.secretsFolder}/${name}`;
    const cure = `\`sudo install -o root -g ${user} -m 0640 FILE ${file}\``;
    const fact = lookUp(host.secrets, name);
    if (fact?.kind === "unreadable") {
      return blocked(
        "SecretMissing",
        `the agent may not read secret "${name}" of service "${service.name}": ${cure} gives it the owner and mode it needs`,
      );
    }
    const elsewhere = fact?.kind === "absent" && fact.cure !== undefined ? `, or ${fact.cure}` : "";
    return blocked(
      "SecretMissing",
      `secret "${name}" of service "${service.name}" is not on the device: put it into the file ${file} (${cure})${elsewhere}`,
    );
  });
}

export function obstaclesToStarting({ service }: Pick<Subject, "service">, device: OfDevice): Blocked[] {
  const { host, policy, application } = device;
  const { user } = application;
  const blocked = (reason: Reason, message: string): Blocked => ({ subject: service.name, reason, message });
  const paths = service.volumes.flatMap((mount): Blocked[] => {
    if (mount.kind === "volume") return [];
    const fact = host.paths[mount.source];
    const named = `host path ${mount.source} of service "${service.name}"`;
    if (fact === undefined || fact.kind === "absent") {
      return [
        blocked("HostPathMissing", `${named} does not exist on the device: make it (\`sudo install -d -o ${user} ${mount.source}\`)`),
      ];
    }
    if (fact.kind === "denied") {
      return [
        blocked(
          "HostPathDenied",
          `${named} cannot be reached by the user ${user}: give that user the right to it (\`sudo -u ${user} ls ${mount.source}\` tries it)`,
        ),
      ];
    }
    return fact.real === mount.source || allowsPath(policy, fact.real, mount.readOnly)
      ? []
      : [
          blocked(
            "PolicyDenied",
            `${named} is a link that leads to ${fact.real}, which this device does not allow: add that path to host_paths under [policy] in ${policy.file}, then \`sudo systemctl restart ${application.program}\`${cureOfPath(mount.source)}`,
          ),
        ];
  });
  return [...paths, ...missingDevices(service, device)];
}

function cureOfPath(path: string): string {
  return path === "/etc/localtime" ? "; for the device's time zone write `env: { TZ: { device: timezone } }` in its place" : "";
}

/** A running service is left running, and this is reported about it. */
export function missingDevices(service: Service, { host, application: { user } }: Pick<OfDevice, "host" | "application">): Blocked[] {
  return service.devices.flatMap(({ node }): Blocked[] => {
    const fact: DeviceFact = host.devices[node] ?? { kind: "absent" };
    const blocked = (reason: Reason, message: string): Blocked[] => [{ subject: service.name, reason, message }];
    switch (fact.kind) {
      case "present":
        return [];
      case "absent":
        return blocked(
          "DeviceMissing",
          `device ${node} of service "${service.name}" is not there: plug it in; the service is started when it is`,
        );
      case "no-device":
        return blocked(
          "DeviceMissing",
          `${node}, which service "${service.name}" wants as a device, is none: correct it in the deployment`,
        );
      case "denied": {
        const cure =
          fact.group === null
            ? `its node is for its owner alone: give it a group by a udev rule, and the user ${user} that group`
            : `\`sudo usermod -aG ${fact.group} ${user}\`, then reboot`;
        return blocked("DeviceDenied", `device ${node} of service "${service.name}" may not be used by the user ${user}: ${cure}`);
      }
    }
  });
}

/** Podman counts starts in whole seconds. */
const START_GRAIN_MS = 1_000;

/**
 * Whether a node was made anew after the container was started. The container then holds a node
 * that no longer exists.
 */
export function hasReturnedDevice(service: Service, { state, startedAtMs }: Container, host: Snapshot["host"], nowMs: number): boolean {
  if (state !== "running" || startedAtMs === null) return false;
  return service.devices.some(({ node }) => {
    const fact = host.devices[node];
    // A node from the future means that the clock was set.
    return fact?.kind === "present" && fact.sinceMs >= startedAtMs + START_GRAIN_MS && fact.sinceMs <= nowMs;
  });
}
