// The reasons that are given of a device or of a fleet from outside of it: in the conditions of a
// Deployment or a Device, and in `iot status`. A word that is not in the list does not compile.

export const FLEET_REASONS = [
  "Running",
  "RunningWhereOnline",
  "Progressing",
  "Offline",
  "ProgressDeadlineExceeded",
  "Rejected",
  "Failed",
  "InvalidManifest",
  "InvalidStatus",
  "DeviceIdInUse",
  "NeverReported",
  "NotYetReported",
  "NotYetReceived",
  "NotYetRemoved",
  "Silent",
  "Reporting",
  "InvalidInventory",
  "DiskLow",
  "DiskSufficient",
  "ClockOff",
  "ClockRight",
  "Following",
] as const;

export type FleetReason = (typeof FLEET_REASONS)[number];
