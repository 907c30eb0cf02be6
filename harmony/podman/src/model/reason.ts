// Every reason that this package gives: a word for machines beside the sentence for a person. A
// word that is not in the list does not compile. A record on disk may hold one of another version.

import type { Blocked as AnyBlocked, Outcome as AnyOutcome } from "@harmony/core";

export const PODMAN_REASONS = [
  "Pending",
  "Pulling",
  "Starting",
  "Stopping",
  "Running",
  "Completed",
  "OnTrial",
  "MakingRoom",
  "Held",
  "Removing",
  "Removed",
  "Paused",
  "StoppedByHand",
  "Restarting",
  "CrashLoop",
  "Exited",
  "Unhealthy",
  "StartFailed",
  "DeviceWentDown",
  "ImageNotFound",
  "RegistryDenied",
  "RegistryUnreachable",
  "RegistryBusy",
  "PullFailed",
  "WrongArchitecture",
  "ImageDamaged",
  "ImageSuspect",
  "PortInUse",
  "NameInUse",
  "AddressMissing",
  "NetworkNotReady",
  "NetworkLost",
  "DeviceMissing",
  "DeviceDenied",
  "HostPathMissing",
  "HostPathDenied",
  "SecretMissing",
  "SecretStoreDamaged",
  "LabelMissing",
  "InputsFailed",
  "VolumeOfAnother",
  "PolicyDenied",
  "DiskFull",
  "JournalNotWritten",
  "InitMissing",
  "PodmanFailed",
  "PodmanUnreachable",
] as const;

export type Reason = (typeof PODMAN_REASONS)[number];
export type Blocked = AnyBlocked<Reason>;
export type Outcome = AnyOutcome<Reason>;
