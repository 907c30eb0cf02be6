// The border for a device's statements about itself, as every reader behind it gets them. A person
// who holds a device may send anything, so a document is bounded before it is parsed. Of a document
// that parses, only known fields are kept, each text as one line of visible characters, no longer
// than it needs to be. Pure and total.

import { type Parsed, plainText } from "@harmony/core";
import { parseJson, type SizeLimits } from "@harmony/schema";
import { BUCKETS } from "./documents/buckets.ts";
import { DeviceInventory } from "./documents/inventory.ts";
import { type DeploymentReport, DeviceStatus } from "./documents/status.ts";
import type { ReaderReason } from "./documents/status.ts";

/** The limit of a sentence for a person. */
export const MESSAGE_CHARACTERS = 1024;
/** The limit of a name: an image, a version, a source. */
const NAME_CHARACTERS = 512;
/** The limit of a time or a word. */
const WORD_CHARACTERS = 64;
/** The form that Kubernetes accepts for a condition, too. */
const REASON = /^[A-Za-z][A-Za-z0-9]{0,63}$/;

const STATUS_LIMITS: SizeLimits = { bytes: BUCKETS.status.maxValueBytes, values: 10_000, depth: 16 };
const INVENTORY_LIMITS: SizeLimits = { bytes: BUCKETS.inventory.maxValueBytes, values: 2_000, depth: 8 };

const sentence = (text: string): string => plainText(text, MESSAGE_CHARACTERS);
const name = (text: string): string => plainText(text, NAME_CHARACTERS);
const word = (text: string): string => plainText(text, WORD_CHARACTERS);
const reasonWord = (text: string): string => (REASON.test(text) ? text : ("InvalidReason" satisfies ReaderReason));

export function readStatus(bytes: Uint8Array): Parsed<DeviceStatus> {
  const parsed = parseJson(DeviceStatus, bytes, STATUS_LIMITS);
  return parsed.ok ? { ok: true, value: heardStatus(parsed.value) } : parsed;
}

export function readInventory(bytes: Uint8Array): Parsed<DeviceInventory> {
  const parsed = parseJson(DeviceInventory, bytes, INVENTORY_LIMITS);
  return parsed.ok ? { ok: true, value: heardInventory(parsed.value) } : parsed;
}

function heardStatus(status: DeviceStatus): DeviceStatus {
  const { device, agentVersion, bootId, reportedAt, statusIntervalSeconds, manifestRevision, problem, deployments, running = {} } = status;
  return {
    device,
    agentVersion: name(agentVersion),
    ...(bootId === undefined ? {} : { bootId: word(bootId) }),
    reportedAt: word(reportedAt),
    ...(statusIntervalSeconds === undefined ? {} : { statusIntervalSeconds }),
    manifestRevision,
    ...(problem === undefined
      ? {}
      : { problem: { reason: reasonWord(problem.reason), message: sentence(problem.message), since: word(problem.since) } }),
    deployments: Object.fromEntries([
      ...Object.entries(running).map(([deployment, revision]) => [deployment, runningReport(revision)] as const),
      ...Object.entries(deployments).map(([deployment, report]) => [deployment, heardReport(report)] as const),
    ]),
  };
}

/** What is known of a deployment of which a device had no room to say more. */
function runningReport(revision: number): DeploymentReport {
  return {
    phase: "Running",
    reason: "Running",
    message: "",
    since: "",
    desiredRevision: revision,
    runningRevision: revision,
    services: [],
  };
}

function heardReport(report: DeploymentReport): DeploymentReport {
  const { phase, reason, message, since, desiredRevision, runningRevision, source, generation, services } = report;
  return {
    phase: word(phase),
    reason: reasonWord(reason),
    message: sentence(message),
    since: word(since),
    desiredRevision,
    runningRevision,
    ...(source === undefined ? {} : { source: name(source) }),
    ...(generation === undefined ? {} : { generation }),
    services: services.map(heardService),
  };
}

type ServiceStatus = DeploymentReport["services"][number];

function heardService({ name: service, phase, image, imageDigest, health, restarts, startedAt }: ServiceStatus): ServiceStatus {
  return {
    name: name(service),
    phase: word(phase),
    ...(image === undefined ? {} : { image: name(image) }),
    ...(imageDigest === undefined ? {} : { imageDigest: name(imageDigest) }),
    ...(health === undefined ? {} : { health: word(health) }),
    ...(restarts === undefined ? {} : { restarts }),
    ...(startedAt === undefined ? {} : { startedAt: word(startedAt) }),
  };
}

function heardInventory({ device, agentVersion, bootId, architecture, capabilities, labels, facts }: DeviceInventory): DeviceInventory {
  return {
    device,
    agentVersion: name(agentVersion),
    bootId: word(bootId),
    architecture: word(architecture),
    capabilities: capabilities.map(word),
    labels: heardPairs(labels),
    facts: heardPairs(facts),
  };
}

function heardPairs(pairs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs).map(([key, value]) => [word(key), name(value)]));
}
