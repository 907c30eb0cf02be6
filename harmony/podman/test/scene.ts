// Short words for the tests of planner and report: Scores, containers and snapshots that spell out
// only what matters in a case.

import type { Desired, Hold } from "@harmony/core";
import { canonicalJson } from "@harmony/schema";
import { APPLICATION } from "./application.ts";
import { NO_INPUT_FACTS } from "../src/model/input-facts.ts";
import { NO_IMAGE_FACTS } from "../src/model/image-facts.ts";
import { containerName, imageReference } from "../src/model/names.ts";
import { podmanV0Parser } from "../src/score/parse-podman-v0.ts";
import type { Policy } from "../src/score/policy.ts";
import type { PodmanV0 } from "../src/score/podman-v0-schema.ts";
import type { Container, Snapshot } from "../src/model/snapshot.ts";
import type { Step } from "../src/model/step.ts";
import { NOTHING_RECORDED, type ScoreVersion, type SwapRecord, type Trial } from "../src/model/swap-record.ts";

export const CLOSED: Policy = { hostPaths: [], devices: [], hostNetwork: false, capabilities: [], file: "/etc/iot-agent/config.toml" };

const parsePodmanV0 = podmanV0Parser(APPLICATION);

export const NOW_MS = 1_800_000_000_000;

export function parsed(data: unknown): PodmanV0 {
  const result = parsePodmanV0(data);
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  return result.value;
}

export function scoreString(data: unknown): string {
  return `{"type":"PodmanV0","data":${canonicalJson(data)}}`;
}

export function desired(data: unknown, more: { name?: string; revision?: string; hold?: Hold } = {}): Desired<PodmanV0> {
  const { name = "app", revision = "2", hold = null } = more;
  return { name, revision, scoreString: data === null ? "" : scoreString(data), data: data === null ? null : parsed(data), hold };
}

/** A container of the deployment `app` as it is after `data` was applied, running for a while. */
export function container(service: string, data: unknown, more: Partial<Container> = {}): Container {
  const deployment = more.deployment ?? "app";
  return {
    name: containerName(deployment, service),
    deployment,
    revision: "1",
    scoreString: scoreString(data),
    inputs: "",
    state: "running",
    imageId: "id",
    health: "none",
    restarts: 0,
    recentRestarts: 0,
    exitCode: 0,
    createdAtMs: NOW_MS - 3_600_000,
    startedAtMs: NOW_MS - 3_600_000,
    exitedAtMs: more.state === "exited" ? NOW_MS - 1_800_000 : null,
    upMs: 3_600_000,
    aliveMs: 3_600_000,
    stoppedByUser: false,
    isDeaf: false,
    ports: parsed(data).services.find(({ name }) => name === service)?.ports ?? [],
    hasLostNetwork: false,
    isAtWork: false,
    imageVolumes: [],
    lastCheck: null,
    silentMs: 0,
    lastLines: [],
    ...more,
  };
}

/** A snapshot's record and its trial: fields that are left out are as if nothing had happened. */
export type Have = Partial<Omit<Snapshot, "images" | "record" | "application">> & {
  readonly images?: readonly string[];
  readonly absent?: readonly string[];
  readonly record?: Partial<SwapRecord>;
};

export function snapshot(more: Have = {}): Snapshot {
  const { images = [], absent = [], record = {}, ...rest } = more;
  return {
    application: APPLICATION,
    nowMs: NOW_MS,
    device: { id: "pi-01", labels: {}, bootId: "boot-1" },
    record: { ...NOTHING_RECORDED, ...record },
    isReserveNeeded: false,
    startList: [],
    containers: [],
    neighbours: [],
    imageFacts: NO_IMAGE_FACTS,
    networks: [],
    volumes: [],
    secrets: [],
    secretStore: { kind: "in-order" },
    host: NO_INPUT_FACTS,
    policy: CLOSED,
    controllers: [],
    images: Object.fromEntries([
      ...images.map((image) => [imageReference(image), { id: "id", digest: "sha256:d" }] as const),
      ...absent.map((image) => [imageReference(image), null] as const),
    ]),
    ...rest,
  };
}

/** A version as the journal names it. */
export function version(data: unknown, revision = "1"): ScoreVersion {
  return { revision, scoreString: scoreString(data) };
}

/** The record of a version that runs well. */
export function proved(data: unknown, more: Partial<SwapRecord> = {}): Pick<Have, "record" | "startList"> {
  return { record: { good: version(data), ...more }, startList: parsed(data).services.map(({ name }) => containerName("app", name)) };
}

/** The trial of `to`, under way since a moment. */
export function trial(to: unknown, more: Partial<Trial> = {}): Trial {
  const startedAt = new Date(NOW_MS - 10_000).toISOString();
  return {
    to: version(to, "2"),
    startedAt,
    bootId: "boot-1",
    deviceFailures: 0,
    resumedAt: null,
    failure: null,
    setback: null,
    isAside: false,
    ...more,
  };
}

/** A step in a few words, e.g. `create app_web`. */
export function inWords(step: Step): string {
  switch (step.kind) {
    case "pull":
      return `pull ${step.image}${step.policy === "newer" ? " if newer" : ""}`;
    case "createNetwork":
      return `create network ${step.network}`;
    case "removeNetwork":
      return `remove network ${step.network}`;
    case "createVolume":
      return `create volume ${step.volume}`;
    case "rename":
      return `rename ${step.container} ${step.to}`;
    case "repairImage":
      return `${step.repair} ${step.repair === "recreate" ? step.containers.join(" ") : step.image}`;
    case "verifyImage":
      return `verify ${step.image}`;
    case "pruneImages":
      return `remove ${step.images.map(({ name }) => name).join(" ")}`;
    case "journal":
      return `journal: ${step.why}`;
    case "recordStart":
      return `start list: ${step.containers.join(" ")}`;
    case "stop":
      return `stop ${step.container} ${step.timeoutSeconds}s`;
    case "writeMounts":
    case "removeMounts":
      return `${step.kind === "writeMounts" ? "write" : "remove"} files ${step.folder}`;
    case "repairSecretStore":
      return "repair secret store";
    case "createSecret":
    case "removeSecret":
      return `${step.kind === "createSecret" ? "create" : "remove"} secret ${step.secret}`;
    case "noteDamage":
      return `note ${step.where} of ${Object.values(step.of).join(" ")}`;
    case "noteFullDisk":
    case "releaseReserve":
      return step.kind;
    default:
      return `${step.kind} ${step.container}`;
  }
}
