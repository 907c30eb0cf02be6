// What this device reports of itself, cut until the bucket takes it: the server refuses a larger
// status, and a device that is refused is one that nobody hears. Words go first, then what is
// reported of services; phase, reason and revisions of a deployment are never cut. Pure.

import { plainText } from "@harmony/core";
import { BUCKETS, type DeploymentReport, type DeviceStatus, MESSAGE_CHARACTERS } from "@iot/contracts";
import type { Reason } from "../desired/reasons.ts";

/** The server counts a message's headers too. */
export const STATUS_BYTES: number = BUCKETS.status.maxValueBytes - 1024;

export interface FittedStatus {
  readonly status: DeviceStatus;
  /** Since when it has had to be cut, RFC 3339; null: it is whole. */
  readonly cutSince: string | null;
}

type Cut = (report: DeploymentReport) => DeploymentReport;
const messageOf =
  (characters: number): Cut =>
  (report) => ({ ...report, message: plainText(report.message, characters) });
/** The mildest first. */
const CUTS: readonly Cut[] = [
  messageOf(MESSAGE_CHARACTERS),
  messageOf(256),
  messageOf(64),
  ({ services, ...report }) => ({ ...report, services: services.map(({ name, phase }) => ({ name, phase })) }),
  (report) => ({ ...report, message: "", services: [] }),
];

/**
 * `cutSince`: as it was reported last. What does not fit even then is given all the same: the
 * server says so.
 */
export function fitStatus(status: DeviceStatus, cutSince: string | null): FittedStatus {
  if (bytesOf(status) <= STATUS_BYTES) return { status, cutSince: null };
  const since = cutSince ?? status.reportedAt;
  const { problem = tooLarge(status, since) } = status;
  let cut: DeviceStatus = { ...status, problem: { ...problem, message: plainText(problem.message, MESSAGE_CHARACTERS) } };
  for (const shorten of CUTS) {
    const deployments = Object.entries(cut.deployments).map(([name, report]) => [name, shorten(report)] as const);
    cut = { ...cut, deployments: Object.fromEntries(deployments) };
    if (bytesOf(cut) <= STATUS_BYTES) break;
  }
  return { status: cut, cutSince: since };
}

function tooLarge(status: DeviceStatus, since: string): { reason: Reason; message: string; since: string } {
  const found = Math.ceil(bytesOf(status) / 1024);
  const message =
    `what it has to say takes ${found} KiB, more than the ${STATUS_BYTES / 1024} KiB that fit, so words and services are left out: ` +
    "see `iot-agent status` on the device, which has them all";
  return { reason: "StatusTooLarge", message, since };
}

function bytesOf(status: DeviceStatus): number {
  return Buffer.byteLength(JSON.stringify(status));
}
