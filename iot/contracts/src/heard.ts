// The border for a device's statements about itself, as every reader behind it gets them. A person
// who holds a device may send anything, so a document is bounded before it is parsed. Of a document
// that parses, only known fields are kept, each text as one line of visible characters, no longer
// than it needs to be. Pure and total.

import { type Parsed, plainText } from "@harmony/core";
import { parseJson, type SizeLimits } from "@harmony/schema";
import { BUCKETS } from "./documents/buckets.ts";
import { DEVICE_AUDIT, DeviceAuditEvent } from "./documents/device-audit.ts";
import { DEVICE_HISTORY, HistoryEvent, type Trace } from "./documents/history.ts";
import { type DeviceDisk, DeviceInventory } from "./documents/inventory.ts";
import { type DeploymentReport, DeviceStatus } from "./documents/status.ts";
import type { ReaderReason } from "./documents/status.ts";

/** The limit of a sentence for a person. */
export const MESSAGE_CHARACTERS = 1024;
/** The limit of a name: an image, a version, a source. */
const NAME_CHARACTERS = 512;
/** The limit of a time or a word. */
const WORD_CHARACTERS = 64;
/** More than a device has, and fewer than a reader minds. */
const LIST_ENTRIES = 16;
/** The form that Kubernetes accepts for a condition, too. */
const REASON = /^[A-Za-z][A-Za-z0-9]{0,63}$/;

const STATUS_LIMITS: SizeLimits = { bytes: BUCKETS.status.maxValueBytes, values: 10_000, depth: 16 };
const AUDIT_LIMITS: SizeLimits = { bytes: DEVICE_AUDIT.maxEventBytes, values: 400, depth: 4 };
const EVENT_LIMITS: SizeLimits = { bytes: DEVICE_HISTORY.maxEventBytes, values: 100, depth: 4 };
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

export function readHistoryEvent(bytes: Uint8Array): Parsed<HistoryEvent> {
  const parsed = parseJson(HistoryEvent, bytes, EVENT_LIMITS);
  return parsed.ok ? { ok: true, value: heardEvent(parsed.value) } : parsed;
}

export function readDeviceAuditEvent(bytes: Uint8Array): Parsed<DeviceAuditEvent> {
  const parsed = parseJson(DeviceAuditEvent, bytes, AUDIT_LIMITS);
  return parsed.ok ? { ok: true, value: heardAudit(parsed.value) } : parsed;
}

function heardAudit(event: DeviceAuditEvent): DeviceAuditEvent {
  const { what, at, session, user, from, verb, target, argv, sent, received, outcome } = event;
  return {
    what: word(what),
    at: word(at),
    session: word(session),
    user: name(user),
    from: name(from),
    verb: word(verb),
    ...(target === undefined ? {} : { target: name(target) }),
    ...(argv === undefined ? {} : { argv: argv.map(sentence) }),
    ...(sent === undefined ? {} : { sent }),
    ...(received === undefined ? {} : { received }),
    ...(outcome === undefined ? {} : { outcome: sentence(outcome) }),
  };
}

function heardEvent(event: HistoryEvent): HistoryEvent {
  const { n, at, agoMs, bootId, deployment, phase, reason, message, revision, generation, source, commit, merged, trace } = event;
  return {
    n,
    at: word(at),
    ...(agoMs === undefined ? {} : { agoMs }),
    ...(bootId === undefined ? {} : { bootId: word(bootId) }),
    deployment,
    phase: phase === null ? null : word(phase),
    reason: reasonWord(reason),
    message: sentence(message),
    revision,
    ...(generation === undefined ? {} : { generation }),
    ...(source === undefined ? {} : { source: name(source) }),
    ...(commit === undefined ? {} : { commit: word(commit) }),
    ...(merged === undefined ? {} : { merged }),
    ...(trace === undefined ? {} : { trace: heardTrace(trace) }),
  };
}

function heardTrace({ committedAt, observedAt, writtenAt, ...offsets }: Trace): Trace {
  const { readMs, pulledMs, createdMs, startedMs, healthyMs, endedMs, bytesPulled } = offsets;
  const times = Object.entries({ committedAt, observedAt, writtenAt });
  const known = Object.entries({ readMs, pulledMs, createdMs, startedMs, healthyMs, endedMs, bytesPulled });
  return {
    ...Object.fromEntries(times.flatMap(([key, value]) => (value === undefined ? [] : [[key, word(value)]]))),
    ...Object.fromEntries(known.filter(([, value]) => value !== undefined)),
  };
}

function heardStatus(status: DeviceStatus): DeviceStatus {
  const {
    device,
    agentVersion,
    bootId,
    boot,
    reportedAt,
    statusIntervalSeconds,
    manifestRevision,
    problem,
    deployments,
    running = {},
  } = status;
  return {
    device,
    agentVersion: name(agentVersion),
    ...(bootId === undefined ? {} : { bootId: word(bootId) }),
    ...(boot === undefined ? {} : { boot: word(boot) }),
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

/** Of a deployment of which a device had no room to say more. */
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

function heardInventory(inventory: DeviceInventory): DeviceInventory {
  const { device, agentVersion, bootId, architecture, capabilities, labels, facts } = inventory;
  const { cpus, memoryBytes, disks, temperatureLimit, remote } = inventory;
  return {
    device,
    agentVersion: name(agentVersion),
    bootId: word(bootId),
    architecture: word(architecture),
    capabilities: capabilities.map(word),
    labels: heardPairs(labels),
    facts: heardPairs(facts),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(disks === undefined ? {} : { disks: disks.slice(0, LIST_ENTRIES).map(heardDisk) }),
    ...(temperatureLimit === undefined ? {} : { temperatureLimit }),
    ...(remote === undefined ? {} : { remote: remote.slice(0, LIST_ENTRIES).map(word) }),
  };
}

function heardDisk({ path, bytes, availableBytes }: DeviceDisk): DeviceDisk {
  return { path: name(path), bytes, availableBytes };
}

function heardPairs(pairs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs).map(([key, value]) => [word(key), name(value)]));
}
