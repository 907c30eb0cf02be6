// The API between the running agent and a person's command, over the agent's socket: HTTP, each
// answer one JSON document, a refusal `Refused` with another status than 200. Both ends parse with
// these schemas, since the two can be of different versions in the minute after an upgrade.

import * as z from "zod/mini";
import { Trace } from "./documents/history.ts";
import { DeploymentReport, DeviceStatus } from "./documents/status.ts";

/** The name in the agent's run folder. */
export const LOCAL_SOCKET_NAME = "agent.sock";
export const HOLD_MAX_SECONDS: number = 7 * 86_400;

export const LocalConnection = z.looseObject({
  state: z.enum(["connecting", "connected", "disconnected"]),
  /** The connected server, or those that are tried. */
  server: z.string(),
  reason: z.nullable(z.string()),
  /** One sentence. */
  message: z.string(),
  /** RFC 3339, by the device's clock. */
  since: z.string(),
});
export type LocalConnection = z.output<typeof LocalConnection>;

/** `GET /status` */
export const LocalStatus = z.extend(DeviceStatus, { connection: LocalConnection });
export type LocalStatus = z.output<typeof LocalStatus>;

/** A transition of a deployment. The agent's history file has one of these a line. */
export const HistoryEntry = z.looseObject({
  /** RFC 3339, by the device's clock. */
  at: z.string(),
  deployment: z.string(),
  /**
   * The phase as it was written, since the agent that wrote it may have been newer. Null: the
   * deployment is gone from the device.
   */
  phase: z.nullable(z.string()),
  reason: z.string(),
  message: z.string(),
  /** The KV revision that the device worked towards. */
  revision: z.nullable(z.number()),
  /** The number of the transition on this device; absent: written by 0.1. */
  n: z.optional(z.int()),
  bootId: z.optional(z.string()),
  /** When it was, in milliseconds of the kernel's monotonic clock since that boot. */
  monotonicMs: z.optional(z.number()),
  generation: z.optional(z.number()),
  source: z.optional(z.string()),
  commit: z.optional(z.string()),
  trace: z.optional(Trace),
});
export type HistoryEntry = z.output<typeof HistoryEntry>;

/** `GET /history` */
export const LocalHistory = z.looseObject({ entries: z.array(HistoryEntry) });
export type LocalHistory = z.output<typeof LocalHistory>;

/** `GET /deployments/NAME/explanation` */
export const LocalExplanation = z.looseObject({
  device: z.string(),
  deployment: z.string(),
  report: DeploymentReport,
  observed: z.array(z.string()),
  planned: z.array(z.string()),
  blocked: z.array(z.looseObject({ subject: z.string(), reason: z.string(), message: z.string() })),
  /**
   * Says which stage of the planner acted, which stood back and why; absent: an older agent, or a
   * Score whose planner has none.
   */
  stages: z.optional(z.array(z.looseObject({ name: z.string(), outcome: z.string(), why: z.string() }))),
});
export type LocalExplanation = z.output<typeof LocalExplanation>;

/** The body of `POST /deployments/NAME/hold` */
export const HoldRequest = z.strictObject({
  seconds: z.int().check(z.minimum(1), z.maximum(HOLD_MAX_SECONDS)),
  reason: z.string().check(z.minLength(1), z.maxLength(200)),
});
export type HoldRequest = z.output<typeof HoldRequest>;

/** `POST /deployments/NAME/hold` */
export const HeldUntil = z.looseObject({
  reason: z.string(),
  /** RFC 3339, by the device's clock. */
  until: z.string(),
});
export type HeldUntil = z.output<typeof HeldUntil>;

/** `POST /deployments/NAME/release` */
export const Released = z.looseObject({ wasHeld: z.boolean() });
export type Released = z.output<typeof Released>;

/** `POST /refresh` */
export const LocalRefreshed = z.looseObject({
  /** The names of those that are others than before. */
  secrets: z.array(z.string()),
  /** What was not answered, and why; what the device has stays as it is. */
  problems: z.array(z.string()),
});
export type LocalRefreshed = z.output<typeof LocalRefreshed>;

/** `POST /deployments/NAME/retry`, `POST /deployments/NAME/switch`, `POST /deployments/NAME/clean` and `POST /look` */
export const Done = z.looseObject({});
export type Done = z.output<typeof Done>;

export const Refused = z.looseObject({
  /** One sentence. */
  error: z.string(),
});
export type Refused = z.output<typeof Refused>;
