// The status of a device (bucket `status`, key `<device>`), written on change and every 30 s. The
// server's time stamp, not the device's clock, gives its age. Devices are newer than their readers,
// and older: a phase is text, and the report of each deployment is read by itself, so that an
// unreadable one does not affect the others.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";

export const STATUS_EVERY_MS = 30_000;
/**
 * Three missed statuses, and a little more; for a device that reports less often (a metered link),
 * as many times its own interval.
 */
export const OFFLINE_AFTER_MS = 100_000;

/** On a link on which a device reports less often, one status of so many says its boot. */
export const STATUSES_PER_BOOT = 10;

/** What a status says of a boot: enough to tell two devices apart. */
export function shownBoot(bootId: string): string {
  return bootId.slice(0, 6);
}

/** `status` null: it cannot be read. */
export function offlineAfterMs(status: Pick<DeviceStatus, "statusIntervalSeconds"> | null): number {
  return ((status?.statusIntervalSeconds ?? 0) * 1_000 * OFFLINE_AFTER_MS) / STATUS_EVERY_MS || OFFLINE_AFTER_MS;
}

/**
 * One of core's PHASES, or a phase of a later version: neither success nor failure, and shown as it
 * was written.
 */
const Phase = z.string();

const ServiceStatus = z.looseObject({
  name: z.string(),
  phase: Phase,
  image: z.optional(z.string()),
  imageDigest: z.optional(z.string()),
  health: z.optional(z.string()),
  /** Absent: none. */
  restarts: z.optional(z.number()),
  startedAt: z.optional(z.string()),
});

export const DeploymentReport = z.looseObject({
  phase: Phase,
  /** A word for machines, e.g. `ImageNotFound`. */
  reason: z.string(),
  /** One sentence for a person: what is wrong and what would fix it. */
  message: z.string(),
  /** RFC 3339, by the device's clock: when phase or reason last changed. */
  since: z.string(),
  /** The KV revision that the device is working towards, and that of the running version. */
  desiredRevision: z.nullable(z.number()),
  runningRevision: z.nullable(z.number()),
  /** The source of the entry, as its manifest gives it. */
  source: z.optional(z.string()),
  generation: z.optional(z.number()),
  services: z.array(ServiceStatus),
});
export type DeploymentReport = z.output<typeof DeploymentReport>;

/** The reasons that a reader gives in place of what it cannot read. No device writes them. */
export const READER_REASONS = ["InvalidReport", "InvalidReason"] as const;
export type ReaderReason = (typeof READER_REASONS)[number];

/** The phase of a report that cannot be read. No device writes it. */
export const UNREADABLE_PHASE = "Unreadable";

/**
 * The report of one deployment that cannot be read. A hostile status has thousands, so it names no
 * more than the field.
 */
function unreadableReport(field: string): DeploymentReport {
  return {
    phase: UNREADABLE_PHASE,
    reason: "InvalidReport" satisfies ReaderReason,
    message: `what the device says of it cannot be read (${field} is wrong or missing); its agent may be of another version`,
    since: "",
    desiredRevision: null,
    runningRevision: null,
    services: [],
  };
}

export const DeviceStatus = z.looseObject({
  device: DnsLabel,
  agentVersion: z.string(),
  /**
   * Agents before 0.2 send it. Now only the inventory has it, because this document is written
   * every 30 s on a metered link.
   */
  bootId: z.optional(z.string()),
  /** The first six characters of the boot that it is of; absent: it does not say. */
  boot: z.optional(z.string()),
  reportedAt: z.string(),
  /** Present only where it is not the usual one of 30 s. */
  statusIntervalSeconds: z.optional(z.int().check(z.positive(), z.maximum(86_400))),
  /** The KV revision of the manifest last applied; null: none was ever read. */
  manifestRevision: z.nullable(z.number()),
  /**
   * The cause that keeps the whole device from following, e.g. a manifest that does not parse;
   * absent when all is well.
   */
  problem: z.optional(z.looseObject({ reason: z.string(), message: z.string(), since: z.string() })),
  deployments: z.record(
    DnsLabel,
    z.catch(DeploymentReport, (found) => unreadableReport(found?.error.issues[0]?.path.join(".") || "it")),
  ),
  /**
   * Only where the reports of all do not fit: those that run as desired, by the revision of which
   * they do. Who reads a status sees them as reports without words.
   */
  running: z.optional(z.record(DnsLabel, z.number())),
});
export type DeviceStatus = z.output<typeof DeviceStatus>;
