// What a device is doing (bucket `status`, key `<device>`), written on change and every 30 s. The
// server's time stamp, not the device's clock, says how old it is. Devices are newer than who reads
// them, and older: a phase is text, and what is said of one deployment is read by itself, so that
// one that cannot be read says nothing of the others.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";

export const STATUS_EVERY_MS = 30_000;
/**
 * Three statuses missed, and a little; of a device that reports less often (a metered link), as
 * many times its own interval.
 */
export const OFFLINE_AFTER_MS = 100_000;

/** `status` null: one that cannot be read. */
export function offlineAfterMs(status: Pick<DeviceStatus, "statusIntervalSeconds"> | null): number {
  return ((status?.statusIntervalSeconds ?? 0) * 1_000 * OFFLINE_AFTER_MS) / STATUS_EVERY_MS || OFFLINE_AFTER_MS;
}

/**
 * One of core's PHASES, or one of a later version: neither success nor failure, and shown as it was
 * written.
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
  /** One sentence for a person: what is wrong and what would mend it. */
  message: z.string(),
  /** RFC 3339, by the device's clock: when phase or reason last changed. */
  since: z.string(),
  /** The KV revision that the device is working towards, and that of what runs. */
  desiredRevision: z.nullable(z.number()),
  runningRevision: z.nullable(z.number()),
  /** Where the entry came from, as its manifest says. */
  source: z.optional(z.string()),
  generation: z.optional(z.number()),
  services: z.array(ServiceStatus),
});
export type DeploymentReport = z.output<typeof DeploymentReport>;

/** The phase of a report that cannot be read. No device writes it. */
export const UNREADABLE_PHASE = "Unreadable";

/**
 * What a device says of one deployment when it cannot be read. A hostile status has thousands, so
 * that no more than the field is said.
 */
function unreadableReport(field: string): DeploymentReport {
  return {
    phase: UNREADABLE_PHASE,
    reason: "InvalidReport",
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
   * Told by agents before 0.2; since then the inventory alone says it, because this document is
   * written every 30 s on a metered link.
   */
  bootId: z.optional(z.string()),
  reportedAt: z.string(),
  /** Only where it is not the usual one of 30 s. */
  statusIntervalSeconds: z.optional(z.int().check(z.positive(), z.maximum(86_400))),
  /** The KV revision of the manifest last applied; null: none was ever read. */
  manifestRevision: z.nullable(z.number()),
  /**
   * What keeps the whole device from following, e.g. a manifest that does not parse; absent when
   * all is well.
   */
  problem: z.optional(z.looseObject({ reason: z.string(), message: z.string(), since: z.string() })),
  deployments: z.record(
    DnsLabel,
    z.catch(DeploymentReport, (found) => unreadableReport(found?.error.issues[0]?.path.join(".") || "it")),
  ),
});
export type DeviceStatus = z.output<typeof DeviceStatus>;
