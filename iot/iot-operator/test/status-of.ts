// What a device reports, short enough for a test to read.

import type { DeviceStatus } from "@iot/contracts";

/** A device that says of its deployments, each with a revision, that they are in this phase. */
export function statusOf(
  device: string,
  deployments: Readonly<Record<string, { revision: number; phase?: "Running" | "Failed"; source?: string }>>,
): DeviceStatus {
  const at = "2026-01-01T00:00:00Z";
  return {
    device,
    agentVersion: "1",
    bootId: "boot",
    reportedAt: at,
    manifestRevision: 1,
    deployments: Object.fromEntries(
      Object.entries(deployments).map(([name, { revision, phase = "Running", source = "git:test" }]) => [
        name,
        { phase, reason: phase, message: "", since: at, desiredRevision: revision, runningRevision: revision, source, services: [] },
      ]),
    ),
  };
}
