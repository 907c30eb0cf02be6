// A model of Podman for the planner's property test: it applies a step to a snapshot as the real
// one would, and throws where the real one refuses, since a planner that asks for it is wrong.
// test/podman-v0.int.test.ts holds the same steps against the real one.

import { needsNetwork } from "../src/model/container-spec.ts";
import { networkName, serviceOfName } from "../src/model/names.ts";
import { isUp } from "../src/model/container-state.ts";
import { portConflict, portsOf } from "../src/plan/port-conflict.ts";
import { scoreOfLabel } from "../src/score/score-label.ts";
import type { Container, Snapshot } from "../src/model/snapshot.ts";
import type { Step } from "../src/model/step.ts";
import { NOTHING_RECORDED } from "../src/model/swap-record.ts";
import { NOW_MS } from "./scene.ts";

export function applyStep(world: Snapshot, step: Step): Snapshot {
  const find = (name: string): Container => {
    const found = world.containers.find((container) => container.name === name);
    if (found === undefined) throw new Error(`no container "${name}"`);
    return found;
  };
  const put = (changed: Container): Snapshot => ({
    ...world,
    containers: world.containers.map((container) => (container.name === changed.name ? changed : container)),
  });
  const refuse = (why: string): never => {
    throw new Error(`${step.kind}: ${why}`);
  };
  const secrets = world.secrets ?? [];
  const refuseWithoutInputs = (label: string): void => {
    const have = [...secrets, ...world.host.mounts];
    const names = [...label.matchAll(/"([^"]+_[^"]+\.[0-9a-f]{20})"/g)].map(([, name = ""]) => name);
    for (const name of names) if (!have.includes(name)) refuse(`there is no "${name}" to mount or read`);
  };
  const started = (container: Container): Snapshot => {
    refuseWithoutInputs(container.inputs);
    if (isUp(container)) refuse(`"${container.name}" is ${container.state}`);
    const clash = portConflict(container.ports, portsOf(world.containers.filter((other) => other !== container && isUp(other))));
    if (clash !== null) refuse(`"${container.name}" finds its port held by "${clash.holder.name}"`);
    return put({
      ...container,
      state: "running",
      stoppedByUser: false,
      isDeaf: false,
      startedAtMs: world.nowMs,
      upMs: 0,
      aliveMs: 0,
      restarts: 0,
      exitCode: 0,
      health: "none",
    });
  };

  switch (step.kind) {
    case "pull":
      return { ...world, images: { ...world.images, [step.reference]: { id: "id", digest: "" } } };
    case "repairImage": {
      const { [step.service]: _, ...incidents } = world.imageFacts.incidents;
      const containers = world.containers.filter(({ name }) => !step.containers.includes(name));
      return { ...world, containers, imageFacts: { ...world.imageFacts, incidents } };
    }
    case "verifyImage":
      return { ...world, imageFacts: { ...world.imageFacts, verified: [...world.imageFacts.verified, step.imageId] } };
    case "pruneImages":
      return { ...world, imageFacts: { ...world.imageFacts, room: {}, shortBytes: 0, unused: [] } };
    case "createNetwork":
      return world.networks.includes(step.network) ? refuse("there is one") : { ...world, networks: [...world.networks, step.network] };
    case "removeNetwork": {
      const user = world.containers.find(({ deployment, scoreString }) => {
        const score = scoreOfLabel(scoreString);
        return networkName(deployment) === step.network && score !== null && needsNetwork(score);
      });
      if (user !== undefined) refuse(`it is used by "${user.name}"`);
      return { ...world, networks: world.networks.filter((network) => network !== step.network) };
    }
    case "createVolume":
      return world.volumes.includes(step.volume) ? refuse("there is one") : { ...world, volumes: [...world.volumes, step.volume] };
    case "createSecret":
      return secrets.includes(step.secret) ? refuse("there is one") : { ...world, secrets: [...secrets, step.secret] };
    case "repairSecretStore":
      return { ...world, secrets: [], secretStore: { kind: "in-order" } };
    case "removeSecret":
      return { ...world, secrets: secrets.filter((secret) => secret !== step.secret) };
    case "writeMounts":
      return { ...world, host: { ...world.host, mounts: [...world.host.mounts, step.folder] } };
    case "removeMounts":
      return { ...world, host: { ...world.host, mounts: world.host.mounts.filter((folder) => folder !== step.folder) } };
    case "create": {
      if (world.containers.some(({ name }) => name === step.container)) refuse(`the name "${step.container}" is taken`);
      if (world.images[step.spec.image] === null) refuse(`image "${step.image}" is not there`);
      refuseWithoutInputs(step.labels["io.nationtech.iot.inputs"] ?? "");
      const scoreString = step.labels["io.nationtech.iot.score"] ?? "";
      const created: Container = {
        name: step.container,
        deployment: step.labels["io.nationtech.iot.deployment"] ?? "",
        revision: step.labels["io.nationtech.iot.revision"] ?? "",
        scoreString,
        inputs: step.labels["io.nationtech.iot.inputs"] ?? "",
        state: "created",
        imageId: "id",
        health: "none",
        isDeaf: false,
        restarts: 0,
        recentRestarts: 0,
        exitCode: 0,
        createdAtMs: world.nowMs,
        startedAtMs: null,
        exitedAtMs: null,
        upMs: 0,
        aliveMs: 0,
        stoppedByUser: false,
        ports: scoreOfLabel(scoreString)?.services.find(({ name }) => name === step.service)?.ports ?? [],
        hasLostNetwork: false,
        isAtWork: false,
        imageVolumes: [],
        lastCheck: null,
        silentMs: 0,
        lastLines: [],
      };
      return { ...world, containers: [...world.containers, created] };
    }
    case "journal":
      return { ...world, record: step.record ?? NOTHING_RECORDED };
    case "recordStart":
      return { ...world, startList: step.containers };
    case "noteDamage":
    case "noteFullDisk":
    case "releaseReserve":
      return world;
    case "start":
      return started(find(step.container));
    case "revive":
      try {
        return started(find(step.container));
      } catch {
        return world;
      }
    case "unpause": {
      const container = find(step.container);
      return container.state === "paused" ? put({ ...container, state: "running" }) : refuse(`"${container.name}" is ${container.state}`);
    }
    case "stop": {
      const container = find(step.container);
      if (container.state !== "running" && container.state !== "stopping") refuse(`"${container.name}" is ${container.state}`);
      return put({ ...container, state: "exited", isAtWork: false, stoppedByUser: true, exitedAtMs: world.nowMs });
    }
    case "rename": {
      const container = find(step.container);
      if (world.containers.some(({ name }) => name === step.to)) refuse(`the name "${step.to}" is taken`);
      return { ...world, containers: world.containers.map((other) => (other === container ? { ...container, name: step.to } : other)) };
    }
    case "remove": {
      const container = find(step.container);
      if (isUp(container)) refuse(`"${container.name}" is ${container.state}`);
      return { ...world, containers: world.containers.filter((other) => other !== container) };
    }
  }
}

export type Fate =
  | "stays up"
  | "ends"
  | "is restarted"
  | "is unhealthy"
  | "cannot be started"
  | "finds its port taken"
  | "cannot be pulled";
/** The fate of a container, by image. */
export type Fates = Readonly<Record<string, Fate>>;

export function fateOf(world: Snapshot, name: string, fates: Fates): Fate {
  const found = world.containers.find((container) => container.name === name);
  const image = scoreOfLabel(found?.scoreString ?? "")?.services.find(
    (one) => one.name === serviceOfName(found?.deployment ?? "", name),
  )?.image;
  return fates[image ?? ""] ?? "stays up";
}

/**
 * The changes that happen by themselves between two looks: time goes by, a stopping container has
 * stopped, and a running one meets its fate.
 */
export function pass(world: Snapshot, fates: Fates = {}): Snapshot {
  const nowMs = world.nowMs + 60_000;
  return {
    ...world,
    nowMs,
    containers: world.containers.map((container): Container => {
      if (container.state === "stopping")
        return { ...container, state: "exited", isAtWork: false, stoppedByUser: true, exitedAtMs: NOW_MS };
      if (container.state !== "running") return container;
      const run = { ...container, upMs: container.upMs + 60_000, aliveMs: container.aliveMs + 60_000 };
      switch (fateOf(world, container.name, fates)) {
        case "ends":
          return { ...run, state: "exited", isAtWork: false, exitCode: 1, exitedAtMs: nowMs - 10_000 };
        case "is restarted":
          return { ...run, restarts: run.restarts + 1 };
        case "is unhealthy":
          return { ...run, health: "unhealthy" };
        case "cannot be started":
        case "cannot be pulled":
        case "finds its port taken":
        case "stays up":
          return run;
      }
    }),
  };
}

/** All containers end at once; Podman finds it out when it is asked again. */
export function powerCut(world: Snapshot): Snapshot {
  return {
    ...world,
    device: { ...world.device, bootId: `${world.device.bootId}+` },
    containers: world.containers.map((container) =>
      isUp(container) ? { ...container, state: "created", isAtWork: false } : { ...container, stoppedByUser: false },
    ),
  };
}
