// From what should be and what is to the steps between: pure, total, deterministic. A service's container bears its final name; the
// one that is to take over bears a temporary name until the old one is gone, so that after a crash at any step the names alone say
// where to go on. What runs is stopped only when its replacement is pulled and created. Steps of a pass are applied in order until
// one fails; what has to wait for another pass is simply not planned in this one.

import type { Blocked, Desired, Plan } from "@harmony/core";
import { needsNetwork, volumeNames } from "./container-spec.ts";
import { careFirst, imageObstacle } from "./image-care.ts";
import { hasReturnedDevice, missingDevices, obstaclesToMaking, obstaclesToStarting } from "./host-obstacle.ts";
import { imageReference, LABELS, networkName } from "./names.ts";
import { provideInputs, removeUnusedInputs } from "./plan-inputs.ts";
import type { PodmanV0 } from "./podman-v0-schema.ts";
import { portConflict } from "./port-conflict.ts";
import { assignRoles, isUp, type RestartNeed, restartNeed, type Role } from "./role.ts";
import { scoreOfLabel } from "./score-label.ts";
import type { Container, Snapshot } from "./snapshot.ts";
import type { Step } from "./step.ts";

const BLOCKED_RECHECK_MS = 10_000;
const SOON_MS = 1_000;
const DEFAULT_STOP_TIMEOUT_SECONDS = 300;
/** pasta, which holds the ports, ends a little after its container: one start in ten came too early on 5.4. */
const PORT_RELEASE_MS = 2_000;

export function plan(desired: Desired<PodmanV0>, snapshot: Snapshot): Plan<Step> {
  const own = snapshot.containers.filter(({ deployment }) => deployment === desired.name);
  const score = desired.data;
  if (score === null) {
    const steps = [...own.flatMap(discard), ...removeUnusedInputs([], [], snapshot), ...discardNetworks(snapshot)];
    return { steps, blocked: [], recheckAfterMs: null };
  }
  if (desired.hold !== null) return { steps: own.flatMap(stop), blocked: [], recheckAfterMs: null };
  const care = careFirst(desired, snapshot);
  if (care.length > 0) return { steps: care, blocked: [], recheckAfterMs: SOON_MS };
  const roles = assignRoles(desired, score, snapshot);

  // What is half removed is good for nothing, and of two containers that nobody wants one goes; then all is seen anew.
  const broken = own.filter(({ state }) => state === "broken").flatMap(discard);
  const settling = broken.length > 0 ? broken : roles.flatMap(settle);
  if (settling.length > 0) return { steps: settling, blocked: [], recheckAfterMs: SOON_MS };

  const kept = roles.flatMap((role) =>
    role.wanted === "current" && role.current !== undefined && role.next === undefined
      ? [{ ...role, current: role.current, need: restartNeed(role.service, role.current, snapshot.nowMs) }]
      : [],
  );
  const keptNames = new Set(kept.map(({ final }) => final));
  const changing = roles.filter(({ final }) => !keptNames.has(final));
  const strays = own.filter(({ name }) => !roles.some(({ final, temporary }) => name === final || name === temporary));
  const leaving = [...strays, ...changing.flatMap((role) => outgoing(role) ?? [])];

  const starting = kept.filter(({ need }) => need === "start");
  const blocked = [
    ...[...starting, ...changing].flatMap((role) => obstacle(role, desired.name, snapshot)),
    ...kept.filter((role) => !starting.includes(role)).flatMap(({ service }) => missingDevices(service, snapshot.host)),
  ];
  const isBlocked = ({ service }: Role): boolean => blocked.some(({ subject }) => subject === service.name);

  const repairs = kept
    // A port that leaves with this change is free in the next pass.
    .filter((role) => !isBlocked(role) && portConflict(role.service.ports, leaving.filter(isUp)) === null)
    .flatMap((role) => [...provideInputs([role], snapshot), ...repair(role, snapshot)]);
  const holders = [...snapshot.containers.filter(isUp), ...starting.map(({ current }) => current)];
  const revivals = changing.flatMap((role) => revive(role, snapshot, holders));
  const change = (): Step[] => {
    // A change is made whole or not at all: half of two versions is worse than all of the old one.
    if (changing.some(isBlocked)) return revivals;
    const pulls = pull(changing, snapshot);
    if (revivals.length > 0) return [...revivals, ...pulls];
    const leftover = needsNetwork(score) ? [] : discardNetworks(snapshot);
    return [...pulls, ...create(desired, score, snapshot, changing), ...strays.flatMap(discard), ...swapAll(changing), ...leftover];
  };
  const isSoon = kept.some(({ need, current }) => need === "wait" || current.health === "starting");
  return {
    steps: [...repairs, ...change(), ...removeUnusedInputs(own, roles, snapshot)],
    blocked,
    recheckAfterMs: isSoon ? SOON_MS : blocked.length > 0 ? BLOCKED_RECHECK_MS : null,
  };
}

function settle({ service, current, next, wanted, final }: Role): Step[] {
  if (next === undefined) return [];
  const takeOver: Step = { kind: "rename", service: service.name, container: next.name, to: final };
  if (current === undefined) return [takeOver];
  if (wanted !== "neither") return [];
  // The one that serves stays until a third is there.
  return isUp(next) && !isUp(current) ? [...discard(current), takeOver] : discard(next);
}

/** What keeps a service from being started or replaced now, and may pass. */
function obstacle(role: Role, deployment: string, snapshot: Snapshot): Blocked[] {
  const { service } = role;
  const ofHost = [
    ...(role.wanted === "neither" ? obstaclesToMaking(role, snapshot.host, snapshot.policy) : []),
    ...obstaclesToStarting(role, snapshot.host, snapshot.policy),
  ];
  if (ofHost.length > 0) return ofHost;
  const others = snapshot.containers.filter((container) => container.deployment !== deployment && isUp(container));
  const conflict = portConflict(service.ports, others);
  if (conflict !== null) {
    const { port, holder } = conflict;
    const message = `host port ${port.hostPort}/${port.protocol} of service "${service.name}" is in use by deployment "${holder.deployment}": give one of the two another port, or remove the other`;
    return [{ subject: service.name, reason: "PortInUse", message }];
  }
  const blocked = imageObstacle(service, deployment, snapshot);
  if (blocked.length > 0) return blocked;
  const reference = imageReference(service.image);
  // Podman's own name for what was built or loaded on the spot: to look for it in a registry costs a minute and ends in a riddle.
  const isLocal = reference.startsWith("localhost/");
  if ((service.pull === "never" || isLocal) && role.wanted === "neither" && snapshot.images[reference] === null) {
    const message = isLocal
      ? `image "${service.image}" is not on the device, and "localhost/" names what was built or loaded there: load it (\`podman load\`), or correct the image in the deployment`
      : `image "${service.image}" is not on the device, and \`pull: never\` keeps it from being fetched: load it there, or leave \`pull\` out`;
    return [{ subject: service.name, reason: "ImageNotFound", message }];
  }
  return [];
}

function repair({ service, current, need }: Role & { current: Container; need: RestartNeed }, { host, nowMs }: Snapshot): Step[] {
  const start = (patienceMs: number): Step => ({ kind: "start", service: service.name, container: current.name, patienceMs });
  if (need === "start") return [start(0)];
  if (hasReturnedDevice(service, current, host, nowMs)) return [...stop(current), start(PORT_RELEASE_MS)];
  if (need === "stop") return stop(current);
  return need === "resume" ? unpause(current) : [];
}

/** After a power cut the old version is down, and the new one may be long in coming. */
function revive({ service, current, wanted }: Role, snapshot: Snapshot, holders: readonly Container[]): Step[] {
  if (wanted !== "neither" || current === undefined || isUp(current) || current.stoppedByUser || current.startedAtMs === null) return [];
  const isThere = snapshot.images[imageReference(service.image)] !== null;
  return isThere || portConflict(current.ports, holders) !== null
    ? []
    : [{ kind: "revive", service: service.name, container: current.name }];
}

function pull(changing: readonly Role[], snapshot: Snapshot): Step[] {
  const pulls = new Map<string, Step>();
  for (const { service, wanted } of changing) {
    const { image, pull: policy } = service;
    const reference = imageReference(image);
    if (wanted === "neither" && (policy === "newer" || (policy === "missing" && snapshot.images[reference] === null))) {
      pulls.set(reference, { kind: "pull", service: service.name, image, reference, policy });
    }
  }
  return [...pulls.values()];
}

/** All that can be made while the old containers still run. */
function create(desired: Desired<PodmanV0>, score: PodmanV0, snapshot: Snapshot, changing: readonly Role[]): Step[] {
  const labels = { [LABELS.deployment]: desired.name };
  const creating = changing.filter(({ wanted }) => wanted === "neither");
  const network = networkName(desired.name);
  const isNetworkMissing = needsNetwork(score) && !snapshot.networks.includes(network);
  const volumes = new Set(creating.flatMap(({ service }) => volumeNames(desired.name, service)));
  return [
    ...(isNetworkMissing ? [{ kind: "createNetwork", network, labels } as const] : []),
    ...[...volumes]
      .filter((volume) => !snapshot.volumes.includes(volume))
      .map((volume) => ({ kind: "createVolume", volume, labels }) as const),
    ...provideInputs(creating, snapshot),
    ...creating.map(({ service, spec, inputs, current, final, temporary }): Step => {
      const made = inputs.label === "" ? {} : { [LABELS.inputs]: inputs.label };
      const own = { [LABELS.service]: service.name, [LABELS.revision]: desired.revision, [LABELS.score]: desired.scoreString, ...made };
      const container = current === undefined ? final : temporary;
      return { kind: "create", service: service.name, container, image: service.image, spec, labels: { ...labels, ...own } };
    }),
  ];
}

function swapAll(changing: readonly Role[]): Step[] {
  // One service may take over the port of another, so that those are stopped before any is started.
  const early = changing.filter((role) => {
    const old = outgoing(role);
    return old !== undefined && changing.some((other) => other !== role && portConflict(other.service.ports, [old]) !== null);
  });
  const stopOld = (role: Role): Step[] => {
    const old = outgoing(role);
    return old === undefined ? [] : stop(old);
  };
  return [...early.flatMap(stopOld), ...changing.flatMap((role) => [...(early.includes(role) ? [] : stopOld(role)), ...swap(role)])];
}

/** From when the outgoing container is stopped. The incoming one exists, or was created just before. */
function swap({ service, current, next, wanted, final, temporary }: Role): Step[] {
  const remove = (container: string): Step => ({ kind: "remove", service: service.name, container });
  const start = (container: string, patienceMs: number): Step => ({ kind: "start", service: service.name, container, patienceMs });
  const run = (container: string, found: Container | undefined): Step[] =>
    found !== undefined && isUp(found) ? unpause(found) : [start(container, PORT_RELEASE_MS)];
  if (current === undefined) return [start(final, 0)];
  // The Score went back. What was stopped while a replacement stood beside it was stopped by us.
  if (wanted === "current") return [...run(final, current), remove(temporary)];
  return [...run(temporary, next), remove(final), { kind: "rename", service: service.name, container: temporary, to: final }];
}

/** Of a role that changes, the container that goes. */
function outgoing({ current, next, wanted }: Role): Container | undefined {
  return wanted === "current" ? next : current;
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
