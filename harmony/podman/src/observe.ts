// What is, asked of Podman in as few calls as will do, all at once: the list tells most of it. Only containers that are down are
// inspected (who ended them?), and only those that ended badly are asked for their last words.

import type { Desired } from "@harmony/core";
import type { ImageStore } from "./image-store.ts";
import { isSecretOf } from "./inputs.ts";
import { LABELS } from "./names.ts";
import type { ListedContainer, Podman } from "./podman.ts";
import { PodmanError } from "./podman-error.ts";
import type { HostView, LookFor } from "./host-view.ts";
import type { Policy } from "./policy.ts";
import type { PodmanV0, Service } from "./podman-v0-schema.ts";
import type { Container, ContainerState, Snapshot } from "./snapshot.ts";

export interface ObserveOptions {
  readonly podman: Podman;
  readonly images: ImageStore;
  readonly device: Snapshot["device"];
  readonly host: HostView;
  readonly policy: Policy;
  /** Asked only where the Score sets limits. */
  readonly controllers: (signal: AbortSignal) => Promise<readonly string[]>;
  readonly now: () => number;
}

export async function observe(options: ObserveOptions, desired: Desired<PodmanV0>, signal: AbortSignal): Promise<Snapshot> {
  const { podman, device, host, policy, now } = options;
  const services = desired.data?.services ?? [];
  const ofThis = `${LABELS.deployment}=${desired.name}`;
  const mayHaveVolumes = desired.data === null || services.some(({ volumes }) => volumes.length > 0);
  const [containers, networks, volumes, secrets, controllers, facts, images] = await Promise.all([
    listContainers(podman, desired.name, signal),
    podman.listNetworks(ofThis, signal),
    mayHaveVolumes ? podman.listVolumes(ofThis, signal) : [],
    podman.listSecrets(signal),
    services.some(({ resources }) => resources !== undefined) ? options.controllers(signal) : [],
    host.look(lookFor(desired.name, services)),
    options.images.images(desired, signal),
  ]);
  return {
    nowMs: now(),
    device,
    containers,
    networks: networks.map(({ name }) => name),
    volumes: volumes.map(({ Name }) => Name),
    secrets: secrets.map(({ Spec }) => Spec.Name).filter((name) => isSecretOf(desired.name, name)),
    host: facts,
    policy,
    controllers,
    images,
    care: await options.images.care(desired, images, signal),
  };
}

function lookFor(deployment: string, services: readonly Service[]): LookFor {
  return {
    deployment,
    secrets: services.flatMap(({ secrets, env }) => [
      ...secrets.map(({ name }) => name),
      ...Object.values(env).flatMap((value) => (typeof value === "object" && "secret" in value ? [value.secret] : [])),
    ]),
    devices: services.flatMap(({ devices }) => devices.map(({ node }) => node)),
    paths: services.flatMap(({ volumes }) => volumes.flatMap((mount) => (mount.kind === "hostPath" ? [mount.source] : []))),
  };
}

/** Those of all deployments, in full only for `deployment`: of the others it matters which ports they hold. */
async function listContainers(podman: Podman, deployment: string, signal: AbortSignal): Promise<Container[]> {
  const listed = await podman.listContainers(LABELS.deployment, signal);
  const containers = await Promise.all(
    listed.map(async (item): Promise<Container | null> => {
      const container = toContainer(item);
      if (container.deployment !== deployment) return container;
      const isBad = container.state === "exited" ? container.exitCode !== 0 : container.restarts > 0 || container.health === "unhealthy";
      try {
        const [inspected, lastLogLine] = await Promise.all([
          container.state === "exited" ? podman.inspectContainer(container.name, signal) : null,
          isBad ? lastWords(podman, container.name, signal) : "",
        ]);
        return { ...container, stoppedByUser: inspected?.State.StoppedByUser ?? false, lastLogLine };
      } catch (error) {
        // Gone since it was listed.
        if (error instanceof PodmanError && error.code === "not-found") return null;
        throw error;
      }
    }),
  );
  return containers.filter((container) => container !== null);
}

/** Good to have; without it the report says less. */
async function lastWords(podman: Podman, container: string, signal: AbortSignal): Promise<string> {
  try {
    return (await podman.containerLog(container, 1, signal)).at(-1) ?? "";
  } catch (error) {
    if (error instanceof PodmanError) return "";
    throw error;
  }
}

const STATES: Readonly<Record<string, ContainerState>> = {
  configured: "created",
  created: "created",
  initialized: "created",
  running: "running",
  paused: "paused",
  stopping: "stopping",
  stopped: "exited",
  exited: "exited",
};

export function toContainer(item: ListedContainer): Container {
  const label = (name: string): string => item.Labels[name] ?? "";
  const startedAtMs = item.StartedAt > 0 ? item.StartedAt * 1000 : null;
  const exitedAtMs = item.ExitedAt > 0 ? item.ExitedAt * 1000 : null;
  // After a power cut 5.x says "exited" with code 0 of what ran, and 4.9 "created".
  const isCutOff = startedAtMs !== null && (exitedAtMs ?? 0) < startedAtMs;
  const told = STATES[item.State] ?? "broken";
  const state = told === "exited" && isCutOff ? "created" : told;
  return {
    name: item.Names[0] ?? item.Id,
    deployment: label(LABELS.deployment),
    revision: label(LABELS.revision),
    scoreString: label(LABELS.score),
    inputs: label(LABELS.inputs),
    state,
    imageId: item.ImageID,
    health: item.Status === "starting" || item.Status === "healthy" || item.Status === "unhealthy" ? item.Status : "none",
    restarts: item.Restarts,
    exitCode: item.ExitCode,
    startedAtMs,
    exitedAtMs,
    stoppedByUser: false,
    ports: (item.Ports ?? []).flatMap(({ host_ip: hostIp, host_port: first, range, protocol }) =>
      Array.from({ length: Math.max(1, range) }, (_, offset) => ({
        hostIp: hostIp === "0.0.0.0" ? "" : hostIp,
        hostPort: first + offset,
        protocol: protocol === "udp" ? ("udp" as const) : ("tcp" as const),
      })),
    ),
    lastLogLine: "",
  };
}
