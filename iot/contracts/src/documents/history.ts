// What a device says once of each transition of its deployments (`iot.history.<device>`), and the
// stream that keeps it. The device keeps it while it is away, and sends it in order.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";

/** The stream of what devices say of their transitions. `bytes`: of one event, with its headers. */
export const DEVICE_HISTORY = {
  stream: "device-history",
  subjects: ["iot.history.*"],
  perDevice: 200,
  maxAgeDays: 90,
  maxEventBytes: 4_096,
} as const;

/** A device sends as many at once, and then one a second; what waits longer is merged. */
export const HISTORY_BURST = 20;

const Count = z.int().check(z.nonnegative());

/**
 * How the outcome of one revision came about: milliseconds since the device began to read the
 * manifest that names it, by its monotonic clock. Absent: there was nothing to do.
 */
export const Trace = z.looseObject({
  /** RFC 3339, as the entry of the manifest has them. */
  committedAt: z.optional(z.string()),
  observedAt: z.optional(z.string()),
  /** RFC 3339: the server's stamp of that manifest. */
  writtenAt: z.optional(z.string()),
  /** The Score was read. */
  readMs: z.optional(Count),
  pulledMs: z.optional(Count),
  createdMs: z.optional(Count),
  startedMs: z.optional(Count),
  healthyMs: z.optional(Count),
  /** This transition: it may be later than healthy, after a trial. */
  endedMs: z.optional(Count),
  bytesPulled: z.optional(Count),
});
export type Trace = z.output<typeof Trace>;

export const HistoryEvent = z.looseObject({
  /** The number of the transition on this device; what is missing between two was not kept. */
  n: Count,
  /** RFC 3339, by the device's clock, which may be wrong. */
  at: z.string(),
  /**
   * How long ago it was when it was sent, by the monotonic clock. Absent: it was before the last
   * boot, and `at` is all that is known.
   */
  agoMs: z.optional(Count),
  bootId: z.optional(z.string()),
  deployment: DnsLabel,
  /** Null: the deployment is gone from the device. */
  phase: z.nullable(z.string()),
  reason: z.string(),
  message: z.string(),
  revision: z.nullable(z.number()),
  generation: z.optional(z.number()),
  source: z.optional(z.string()),
  commit: z.optional(z.string()),
  /** How many transitions of this deployment before it are merged into it. */
  merged: z.optional(Count),
  trace: z.optional(Trace),
});
export type HistoryEvent = z.output<typeof HistoryEvent>;
