// Observes the world through Podman, in as few calls as possible, all at once: the list gives most
// of it. Only containers that are down are inspected (who ended them?), and only those that ended
// badly are asked for their last lines. It adds the device's own records.

import { join } from "node:path";
import type { Desired } from "@harmony/core";
import { systemClock } from "@harmony/runtime";
import type { ImageStore } from "../images/image-store.ts";
import { observeImages } from "../images/observe-images.ts";
import { isSecretOf } from "../model/inputs.ts";
import { serviceOfName } from "../model/names.ts";
import { type Application, type Labels, labelsOf } from "../model/application.ts";
import { isUp } from "../model/container-state.ts";
import type { ListedContainer } from "../libpod/answers.ts";
import type { Podman } from "../libpod/podman.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import type { HostView, LookFor } from "../device/host-view.ts";
import { signalNumber } from "../device/stop-signal.ts";
import type { PortWatch } from "./port-watch.ts";
import type { Policy } from "../score/policy.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import type { Service } from "../score/service.ts";
import type { RestartMeter } from "./restart-meter.ts";
import type { Container, ContainerState, Snapshot } from "../model/snapshot.ts";
import type { StartList } from "../store/start-list.ts";
import type { SwapJournal } from "../store/swap-journal.ts";
import { NOTHING_RECORDED, type SwapRecord } from "../model/swap-record.ts";
import { busyFile } from "../score/score-words.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import { secretsWritten } from "../libpod/secrets-written.ts";
import { withWayBack } from "../model/target.ts";
import type { Neighbours } from "./neighbours.ts";
import type { UpMeter } from "./up-meter.ts";
import { type CheckMeter, lookAtCheck } from "./check-meter.ts";

const LAST_LINES = 5;
/** Where neither the image nor the Score says. */
const SIGTERM = 15;

export interface ObserveOptions {
  readonly application: Application;
  readonly podman: Podman;
  readonly images: ImageStore;
  readonly journal: SwapJournal;
  readonly startList: StartList;
  readonly restarts: RestartMeter;
  readonly ups: UpMeter;
  readonly checks: CheckMeter;
  readonly portWatch: PortWatch;
  readonly neighbours: Neighbours;
  readonly device: Snapshot["device"];
  readonly host: HostView;
  readonly policy: Policy;
  readonly now: () => number;
}

export async function observe(options: ObserveOptions, desired: Desired<PodmanV0>, signal: AbortSignal): Promise<Snapshot> {
  const { application, podman, device, host, policy, now } = options;
  const record = (await options.journal.read(desired.name)) ?? NOTHING_RECORDED;
  // This comes before the list is asked for.
  const isReserveNeeded = record.trial !== null && (await lacksRoomToRecord(options, desired.name, signal));
  const both = withWayBack(desired, record);
  const services = both.data?.services ?? [];
  const ofThis = `${labelsOf(application).deployment}=${desired.name}`;
  const listed = listContainers(options, desired, record, signal);
  const mayHaveVolumes = desired.data === null || record.volumes !== undefined || services.some(({ volumes }) => volumes.length > 0);
  const listVolumes = async (): Promise<Snapshot["volumes"]> => {
    const hasVolumes =
      mayHaveVolumes || (await listed).some(({ deployment, imageVolumes }) => deployment === desired.name && imageVolumes.length > 0);
    return hasVolumes ? (await podman.listVolumes(ofThis, signal)).map(({ Name }) => Name) : [];
  };
  const [startList, containers, networks, volumes, secrets, controllers, facts, images] = await Promise.all([
    options.startList.read(desired.name),
    listed,
    podman.listNetworks(ofThis, signal),
    listVolumes(),
    lookAtSecrets(options, both, signal),
    // A deployment without limits does not wait for Podman's info.
    services.some(({ resources }) => resources !== undefined) ? podman.controllers(signal) : [],
    host.look(lookFor(desired.name, services)),
    observeImages(options.images, both, signal),
  ]);
  return {
    application,
    nowMs: now(),
    device,
    record,
    isReserveNeeded,
    startList,
    containers,
    neighbours: await options.neighbours.look(desired.name, { containers, record, journal: options.journal }),
    networks: networks.map(({ name }) => name),
    volumes,
    ...secrets,
    host: facts,
    policy,
    controllers,
    ...images,
  };
}

/**
 * Whether Podman has no room to record an end, and could have some. A version that has filled the
 * disk may have ended without room for Podman to write that down; Podman then lists it as running.
 * When asked for the container itself, Podman checks it, and writes its end down if there is room.
 */
async function lacksRoomToRecord(
  { application, podman, journal }: ObserveOptions,
  deployment: string,
  signal: AbortSignal,
): Promise<boolean> {
  const labels = labelsOf(application);
  for (const item of await podman.listContainers(`${labels.deployment}=${deployment}`, signal)) {
    const { name, state } = toContainer(item, labels);
    if (state !== "running") continue;
    try {
      await podman.inspectContainer(name, signal);
    } catch (error) {
      if (!(error instanceof PodmanError)) throw error;
      if (error.code === "disk-full" && (await journal.hasReserve())) return true;
    }
  }
  return false;
}

async function lookAtSecrets(
  { podman, host }: ObserveOptions,
  { name, data }: Desired<PodmanV0>,
  signal: AbortSignal,
): Promise<Pick<Snapshot, "secrets" | "secretStore">> {
  const secrets = await listSecrets(podman, name, signal);
  const isWanted = data?.services.some(({ env }) => Object.values(env).some((value) => typeof value === "object" && "secret" in value));
  // A deployment without secrets does not wait for Podman's info.
  if (secrets?.length === 0 && isWanted !== true) return { secrets, secretStore: { kind: "in-order" } };
  const folder = join(await podman.graphRoot(signal), "secrets");
  return { secrets, secretStore: await host.lookAtSecretStore(folder, () => secretsWritten(podman, signal)) };
}

/** null: Podman cannot read its store, which troubles only the deployments that need it. */
async function listSecrets(podman: Podman, deployment: string, signal: AbortSignal): Promise<readonly string[] | null> {
  try {
    const secrets = await podman.listSecrets(signal);
    return secrets.map(({ Spec }) => Spec.Name).filter((name) => isSecretOf(deployment, name));
  } catch (error) {
    if (error instanceof PodmanError && (error.code === "failed" || error.code === "damaged")) return null;
    throw error;
  }
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

/**
 * Lists the containers of all deployments, in full only for `deployment`; for the others only their
 * ports matter.
 */
async function listContainers(
  options: ObserveOptions,
  { name: deployment, scoreString }: Desired<PodmanV0>,
  record: SwapRecord,
  signal: AbortSignal,
): Promise<Container[]> {
  const labels = labelsOf(options.application);
  const listed = await options.podman.listContainers(labels.deployment, signal);
  const containers = await Promise.all(
    listed.map(async (item): Promise<Container | null> => {
      const container = toContainer(item, labels);
      if (container.deployment !== deployment) return container;
      try {
        const isLeaving = container.scoreString !== scoreString;
        return { ...container, ...(await details(options, { ...container, isLeaving }, record, signal)) };
      } catch (error) {
        // It was removed since it was listed.
        if (error instanceof PodmanError && error.code === "not-found") return null;
        throw error;
      }
    }),
  );
  return containers.filter((container) => container !== null);
}

async function details(
  { application, podman, restarts, ups, checks, portWatch, host, now }: ObserveOptions,
  container: Container & { readonly isLeaving: boolean },
  { trial, stopped }: SwapRecord,
  signal: AbortSignal,
): Promise<Partial<Container>> {
  const { name, exitCode, createdAtMs, startedAtMs, exitedAtMs, health, scoreString } = container;
  // After a boot 4.9 calls every container "created".
  const wasStopped = exitedAtMs !== null && stopped[name] === exitedAtMs && exitedAtMs >= (startedAtMs ?? 0);
  const state = wasStopped && container.state === "created" ? "exited" : container.state;
  const isDown = state === "exited";
  const mayBeCondemned = trial?.to.scoreString === scoreString && startedAtMs !== null && health !== "healthy";
  const isBad = mayBeCondemned || (isDown ? exitCode !== 0 : container.restarts > 0 || health === "unhealthy");
  const [inspected, lastLines, lastCode, openPorts, isAtWork] = await Promise.all([
    isDown || container.isLeaving ? podman.inspectContainer(name, signal) : null,
    isBad ? orNothing(podman.containerLog(name, LAST_LINES, signal), []) : [],
    // A container that runs again does not show the code of the life before.
    !isDown && container.restarts > 0 ? orNothing(podman.lastExitCode(name, createdAtMs, signal), null) : null,
    container.ports.length > 0 ? host.openPorts() : null,
    lookWhetherAtWork({ podman, application }, { ...container, state }, signal),
  ]);
  const stopSignal = signalNumber(inspected?.Config.StopSignal || SIGTERM);
  const pid = inspected?.State.Pid ?? 0;
  const isDeaf = isUp({ state }) && pid > 0 && stopSignal !== null && (await host.hears(pid, stopSignal)) === false;
  const stoppedByUser = isDown && (wasStopped || inspected?.State.StoppedByUser === true);
  const up = ups.note({ ...container, state, stoppedByUser }, systemClock.monotonicMs());
  return {
    state,
    stoppedByUser,
    isDeaf,
    recentRestarts: restarts.note(container, now()),
    ...up,
    ...(await lookAtCheck({ podman, checks }, { ...container, state, ...up }, signal)),
    hasLostNetwork: openPorts !== null && portWatch.hasLostNetwork({ ...container, state }, openPorts, systemClock.monotonicMs()),
    isAtWork,
    exitCode: lastCode ?? exitCode,
    lastLines,
  };
}

/**
 * The file is asked for anew at each look: it may come and go in moments. Where Podman cannot say, in
 * doubt what runs is left running.
 */
async function lookWhetherAtWork(
  { podman, application }: Pick<ObserveOptions, "podman" | "application">,
  { name, deployment, scoreString, state }: Container,
  signal: AbortSignal,
): Promise<boolean> {
  if (state !== "running" && state !== "paused") return false;
  const service = scoreOfLabel(scoreString)?.services.find((one) => one.name === serviceOfName(deployment, name));
  if (service?.busy === undefined) return false;
  return state === "paused" || orNothing(podman.hasFile(name, busyFile(application), signal), true);
}

/** The value is optional; without it the report says less. */
async function orNothing<T>(asked: Promise<T>, nothing: T): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof PodmanError) return nothing;
    throw error;
  }
}

const STATES: Readonly<Record<string, ContainerState>> = {
  configured: "created",
  created: "created",
  // The container is between the runtime's "create" and its "start". execute.ts handles one that
  // stays so.
  initialized: "created",
  running: "running",
  paused: "paused",
  stopping: "stopping",
  stopped: "exited",
  exited: "exited",
};

export function toContainer(item: ListedContainer, keys: Labels): Container {
  const label = (name: string): string => item.Labels[name] ?? "";
  const startedAtMs = item.StartedAt > 0 ? item.StartedAt * 1000 : null;
  const exitedAtMs = item.ExitedAt > 0 ? item.ExitedAt * 1000 : null;
  // After a power cut 5.x reports a container that ran as "exited" with code 0, and 4.9 as
  // "created".
  const isCutOff = startedAtMs !== null && (exitedAtMs ?? 0) < startedAtMs;
  const reported = STATES[item.State] ?? "broken";
  const state = reported === "exited" && isCutOff ? "created" : reported;
  return {
    name: item.Names[0] ?? item.Id,
    deployment: label(keys.deployment),
    revision: label(keys.revision),
    scoreString: label(keys.score),
    inputs: label(keys.inputs),
    imageVolumes: label(keys.imageVolumes).split(" ").filter(Boolean),
    state,
    imageId: item.ImageID,
    health: item.Status === "starting" || item.Status === "healthy" || item.Status === "unhealthy" ? item.Status : "none",
    restarts: item.Restarts,
    recentRestarts: 0,
    exitCode: item.ExitCode,
    createdAtMs: Date.parse(item.Created) || 0,
    startedAtMs,
    exitedAtMs,
    upMs: 0,
    aliveMs: 0,
    stoppedByUser: false,
    ports: (item.Ports ?? []).flatMap(({ host_ip: hostIp, host_port: first, range, protocol }) =>
      Array.from({ length: Math.max(1, range) }, (_, offset) => ({
        hostIp: hostIp === "0.0.0.0" ? "" : hostIp,
        hostPort: first + offset,
        protocol: protocol === "udp" ? ("udp" as const) : ("tcp" as const),
      })),
    ),
    isDeaf: false,
    hasLostNetwork: false,
    isAtWork: false,
    lastCheck: null,
    silentMs: 0,
    lastLines: [],
  };
}
