// From what should be and what is to the steps between: pure, total, deterministic. A service's container bears its final name; the
// one that is to take over bears the temporary name until the old one is gone, so that after a crash at any step the names alone
// say where to go on. What runs is stopped only when its replacement is pulled and created. A service whose derived container is
// the same in the old Score and the new is left running.

import type { Blocked, Desired, Plan } from "@harmony/core";
import { canonicalJson } from "@harmony/schema";
import { type ContainerSpec, containerSpec, needsNetwork } from "./container-spec.ts";
import { containerName, imageReference, LABELS, networkName, nextName, volumeName } from "./names.ts";
import type { PodmanV0, Service } from "./podman-v0-schema.ts";
import { portConflict } from "./port-conflict.ts";
import { scoreOfLabel } from "./score-label.ts";
import type { Container, Snapshot } from "./snapshot.ts";
import type { Step } from "./step.ts";

const BLOCKED_RECHECK_MS = 10_000;
const SOON_MS = 1_000;
/** Podman restarts by itself, within milliseconds; what has not come back after this time is ours to start. */
const PODMAN_RESTARTS_WITHIN_MS = 2_000;
const DEFAULT_STOP_TIMEOUT_SECONDS = 300;

/** A service of the Score, and what there is of it. */
interface Role {
  readonly service: Service;
  readonly spec: ContainerSpec;
  readonly current: Container | undefined;
  readonly next: Container | undefined;
}

export function plan(desired: Desired<PodmanV0>, snapshot: Snapshot): Plan<Step> {
  const own = snapshot.containers.filter(({ deployment }) => deployment === desired.name);
  if (desired.data === null) {
    return { steps: [...own.flatMap(discard), ...discardNetworks(snapshot)], blocked: [], recheckAfterMs: null };
  }
  const score = desired.data;
  const context = { deployment: desired.name, device: snapshot.device, controllers: snapshot.controllers };
  const roles = score.services.map((service): Role => {
    const named = (name: string): Container | undefined => own.find((container) => container.name === name);
    return {
      service,
      spec: containerSpec(score, service, context),
      current: named(containerName(desired.name, service.name)),
      next: named(nextName(desired.name, service.name)),
    };
  });
  const fits = (container: Container, { service, spec }: Role): boolean => {
    if (container.scoreString === desired.scoreString) return true;
    const old = scoreOfLabel(container.scoreString);
    const before = old?.services.find(({ name }) => name === service.name);
    return old !== null && before !== undefined && canonicalJson(containerSpec(old, before, context)) === canonicalJson(spec);
  };

  // A half-finished swap is settled first, forwards or backwards, then everything else is seen anew.
  const settling = roles.flatMap((role) => settleSwap(role, fits, desired.name));
  if (settling.length > 0) return { steps: settling, blocked: [], recheckAfterMs: SOON_MS };

  const kept = roles.filter((role) => role.current !== undefined && role.next === undefined && fits(role.current, role));
  const changing = roles.filter((role) => !kept.includes(role));
  const blocked = [
    ...kept.filter(({ service, current }) => current !== undefined && shouldStart(service, current, snapshot.nowMs) === "now"),
    ...changing,
  ].flatMap((role) => obstacle(role, desired.name, snapshot));
  const isBlocked = ({ service }: Role): boolean => blocked.some(({ subject }) => subject === service.name);

  const repairs = kept.flatMap((role) => (isBlocked(role) ? [] : repair(role, snapshot.nowMs)));
  const revivals = changing.flatMap((role) => revive(role, snapshot));
  const strays = own.filter((container) => !roles.some(({ current, next }) => container === current || container === next));
  // A change is made whole or not at all: half of two versions is worse than all of the old one.
  const change = changing.some(isBlocked) ? [] : makeChange({ desired, score, snapshot, changing, strays });
  const waits = kept.some(({ service, current }) => current !== undefined && shouldStart(service, current, snapshot.nowMs) === "wait");
  return {
    steps: [...repairs, ...revivals, ...change],
    blocked,
    recheckAfterMs:
      waits || kept.some(({ current }) => current?.health === "starting") ? SOON_MS : blocked.length > 0 ? BLOCKED_RECHECK_MS : null,
  };
}

function settleSwap(role: Role, fits: (container: Container, role: Role) => boolean, deployment: string): Step[] {
  const { service, current, next } = role;
  if (next === undefined) return [];
  const start = (container: Container): Step[] =>
    isUp(container) ? unpause(container) : [{ kind: "start", service: service.name, container: container.name }];
  const takeOver: Step = { kind: "rename", service: service.name, container: next.name, to: containerName(deployment, service.name) };
  if (next.state === "broken") return discard(next);
  if (current === undefined) return [takeOver];
  if (current.state === "broken") return [...discard(current), takeOver];
  if (fits(current, role)) {
    // The Score went back. Stopped while a replacement stood beside it: it was we who stopped it.
    return [...stop(next), ...start(current), ...discard({ ...next, state: "exited" })];
  }
  if (fits(next, role)) return [];
  // Neither is wanted any more: keep the one that serves until a third is there.
  return isUp(next) && !isUp(current) ? [...discard(current), takeOver] : discard(next);
}

/** What keeps a service from being started or replaced now, and may pass. */
function obstacle(role: Role, deployment: string, snapshot: Snapshot): Blocked[] {
  const { service } = role;
  const conflict = portConflict(
    service.ports,
    snapshot.containers.filter((container) => container.deployment !== deployment && isUp(container)),
  );
  if (conflict !== null) {
    const { port, holder } = conflict;
    const message = `host port ${port.hostPort}/${port.protocol} of service "${service.name}" is in use by deployment "${holder.deployment}": give one of the two another port, or remove the other`;
    return [{ subject: service.name, reason: "PortInUse", message }];
  }
  if (service.pull === "never" && needsContainer(role) && snapshot.images[imageReference(service.image)] === null) {
    const message = `image "${service.image}" is not on the device, and \`pull: never\` keeps it from being fetched: load it there, or leave \`pull\` out`;
    return [{ subject: service.name, reason: "ImageNotFound", message }];
  }
  return [];
}

function repair({ service, current }: Role, nowMs: number): Step[] {
  if (current === undefined) return [];
  const { name: container } = current;
  switch (shouldStart(service, current, nowMs)) {
    case "now":
      return [{ kind: "start", service: service.name, container }];
    case "after-stop":
      return [...stop(current), { kind: "start", service: service.name, container }];
    case "resume":
      return unpause(current);
    default:
      return [];
  }
}

/** After a power cut the old version is down, and the new one may be long in coming. */
function revive({ service, current, next }: Role, snapshot: Snapshot): Step[] {
  if (current === undefined || next !== undefined || current.state !== "exited" || current.stoppedByUser) return [];
  const isReady = service.pull !== "newer" && snapshot.images[imageReference(service.image)] !== null;
  return isReady ? [] : [{ kind: "revive", service: service.name, container: current.name }];
}

function makeChange(input: {
  desired: Desired<PodmanV0>;
  score: PodmanV0;
  snapshot: Snapshot;
  changing: readonly Role[];
  strays: readonly Container[];
}): Step[] {
  const { desired, score, snapshot, changing, strays } = input;
  const { name: deployment } = desired;
  const labels = { [LABELS.deployment]: deployment };
  const creating = changing.filter(needsContainer);
  const ownNetwork = networkName(deployment);

  const pulls = new Map<string, Step>();
  for (const { service } of creating) {
    const reference = imageReference(service.image);
    const present = snapshot.images[reference] !== null;
    if (service.pull === "newer" || (service.pull === "missing" && !present)) {
      pulls.set(reference, { kind: "pull", service: service.name, image: service.image, reference, policy: service.pull });
    }
  }
  const volumes = new Set(creating.flatMap(({ service }) => service.volumes.map(({ name }) => volumeName(deployment, name))));
  const creates = creating.map(({ service, spec, current }): Step => ({
    kind: "create",
    service: service.name,
    container:
      current === undefined || current.state === "broken" ? containerName(deployment, service.name) : nextName(deployment, service.name),
    image: service.image,
    spec,
    labels: { ...labels, [LABELS.service]: service.name, [LABELS.revision]: desired.revision, [LABELS.score]: desired.scoreString },
  }));
  // One service may take over the port of another, so that those are stopped before any is started.
  const early = changing.filter(
    ({ current, service }) =>
      current !== undefined && changing.some((other) => other.service !== service && portConflict(other.service.ports, [current]) !== null),
  );
  return [
    ...changing.flatMap(({ current }) => (current?.state === "broken" ? discard(current) : [])),
    ...pulls.values(),
    ...(needsNetwork(score) && !snapshot.networks.includes(ownNetwork)
      ? [{ kind: "createNetwork", network: ownNetwork, labels } as const]
      : []),
    ...[...volumes]
      .filter((volume) => !snapshot.volumes.includes(volume))
      .map((volume) => ({ kind: "createVolume", volume, labels }) as const),
    ...creates,
    ...strays.flatMap(discard),
    ...early.flatMap(({ current }) => (current === undefined ? [] : stop(current))),
    ...changing.flatMap((role) => swap(role, deployment, early.includes(role))),
    ...(needsNetwork(score) ? [] : discardNetworks(snapshot)),
  ];
}

/** Its container or its next one exists, or was created just before. */
function swap({ service, current, next }: Role, deployment: string, isStopped: boolean): Step[] {
  const final = containerName(deployment, service.name);
  const start = (container: string): Step => ({ kind: "start", service: service.name, container });
  if (current === undefined || current.state === "broken") return [start(final)];
  const successor = nextName(deployment, service.name);
  return [
    ...(isStopped ? [] : stop(current)),
    ...(next !== undefined && isUp(next) ? unpause(next) : [start(successor)]),
    { kind: "remove", service: service.name, container: current.name },
    { kind: "rename", service: service.name, container: successor, to: final },
  ];
}

function shouldStart(service: Service, container: Container, nowMs: number): "now" | "after-stop" | "resume" | "wait" | "no" {
  const { policy, retries } = service.restart;
  const byPerson = policy === "unless-stopped";
  switch (container.state) {
    case "running":
      return "no";
    case "paused":
      return byPerson ? "no" : "resume";
    case "stopping":
      return policy === "always" ? "after-stop" : "wait";
    case "created":
    case "broken":
      return "now";
    case "exited": {
      if (policy === "no") return "no";
      if (container.stoppedByUser) return policy === "always" ? "now" : "no";
      if (policy === "on-failure" && (container.exitCode === 0 || (retries > 0 && container.restarts >= retries))) return "no";
      const isOld = container.exitedAtMs === null || nowMs - container.exitedAtMs > PODMAN_RESTARTS_WITHIN_MS;
      return isOld ? "now" : "wait";
    }
  }
}

/** It holds its ports. */
export function isUp({ state }: Container): boolean {
  return state === "running" || state === "paused" || state === "stopping";
}

function needsContainer({ next }: Role): boolean {
  return next === undefined;
}

function unpause(container: Container): Step[] {
  return container.state === "paused" ? [{ kind: "unpause", service: serviceOf(container), container: container.name }] : [];
}

function stop(container: Container): Step[] {
  if (!isUp(container)) return [];
  const service = scoreOfLabel(container.scoreString)?.services.find(({ name }) => name === serviceOf(container));
  const timeoutSeconds = service?.stopTimeoutSeconds ?? DEFAULT_STOP_TIMEOUT_SECONDS;
  return [...unpause(container), { kind: "stop", service: serviceOf(container), container: container.name, timeoutSeconds }];
}

function discard(container: Container): Step[] {
  return [...stop(container), { kind: "remove", service: serviceOf(container), container: container.name }];
}

function discardNetworks(snapshot: Snapshot): Step[] {
  return snapshot.networks.map((network) => ({ kind: "removeNetwork", network }));
}

function serviceOf({ name, deployment }: Container): string {
  return name.startsWith(`${deployment}_`) ? name.slice(deployment.length + 1).replace(/\.next$/, "") : name;
}
