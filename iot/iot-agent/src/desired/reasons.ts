// Every reason that the agent gives itself, beside those of the variants and of the connection: a
// word for machines. A word that is not in the list does not compile.

import type { ManifestRead, ScoreRead } from "@iot/messaging";

export const AGENT_REASONS = [
  "Pending",
  "InvalidScore",
  "UnknownScoreType",
  "ScoreNotAtRevision",
  "NotNamed",
  "RemovedBefore",
  "Removed",
  "TopologyUnavailable",
  "NoManifest",
  "StaleManifest",
  "StateNotSaved",
  "StatusTooLarge",
  "DeviceIdInUse",
] as const;

export type Reason = (typeof AGENT_REASONS)[number];

/** Why a manifest or a Score could not be read. */
export type ReadReason = Extract<ManifestRead | ScoreRead, { kind: "unreadable" }>["reason"];
