// Every reason that the operator gives itself: of a source, of a Deployment, and of what stays on a
// device. A word that is not in the lists does not compile. The records in the bucket may hold one
// of another version.

import type { Blocked as AnyBlocked } from "@harmony/core";
import type { KubernetesErrorCode } from "@harmony/kube-api";

export const OPERATOR_REASONS = [
  "CrdMissing",
  "MissingFolder",
  "InvalidCommit",
  "InvalidName",
  "InvalidSpec",
  "ScoreTooLarge",
  "FinalizerMissing",
  "NameConflict",
  "DeviceNotAllowed",
  "OtherCluster",
  "OtherSource",
  "OlderGeneration",
  "StoreFull",
  "ManifestTooLarge",
  "Removed",
  "RemovalHeld",
  "RemovalLost",
  "RemovalConfirmed",
  "Kept",
  "NoEvidence",
  "NotSeenDeleted",
  "OtherObject",
  "SourceWentBack",
  "CrdDeleted",
  "NamespaceGone",
  "FirstSight",
  "HistoryRewritten",
  "UnreadableFiles",
] as const;

export const GIT_ERROR_CODES = [
  "MissingProgram",
  "MissingBranch",
  "MissingRepository",
  "MissingPath",
  "MissingObject",
  "WrongCredentials",
  "UnknownHostKey",
  "Unreachable",
  "Timeout",
  "Failed",
] as const;

export type Reason = (typeof OPERATOR_REASONS)[number];
export type Blocked = AnyBlocked<Reason>;
export type GitErrorCode = (typeof GIT_ERROR_CODES)[number];

/** Why a source cannot be read. */
export type SourceReason = Reason | GitErrorCode | KubernetesErrorCode;
