// What this device reports of itself, cut until the bucket takes it: the server refuses a larger
// status, and a device that is refused is one that nobody hears. Words go first, then what is
// reported of services. Where the reports of all are still too much, what runs as desired is only
// named, and the rest is reported the worst first, with how many more there are. Pure.

import { plainText } from "@harmony/core";
import { classOfPhase } from "@iot/fleet";
import { BUCKETS, type DeploymentReport, type DeviceStatus, MESSAGE_CHARACTERS } from "@iot/contracts";
import type { Reason } from "../desired/reasons.ts";
import { statusTooLarge } from "../desired/sentences.ts";

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

/** `cutSince`: as it was reported last. */
export function fitStatus(status: DeviceStatus, cutSince: string | null): FittedStatus {
  if (bytesOf(status) <= STATUS_BYTES) return { status, cutSince: null };
  const since = cutSince ?? status.reportedAt;
  const { problem = tooLarge(status, since) } = status;
  let cut: DeviceStatus = { ...status, problem: { ...problem, message: plainText(problem.message, MESSAGE_CHARACTERS) } };
  for (const shorten of CUTS) {
    cut = withCut(cut, shorten);
    if (bytesOf(cut) <= STATUS_BYTES) return { status: cut, cutSince: since };
  }
  const reports = Object.entries(status.deployments);
  const running = Object.fromEntries(
    reports.flatMap(([name, report]) => (isAsDesired(report) ? [[name, report.runningRevision ?? 0]] : [])),
  );
  let rest: DeviceStatus = { ...cut, deployments: Object.fromEntries(reports.filter(([, report]) => !isAsDesired(report))), running };
  for (const shorten of CUTS) {
    rest = withCut(rest, shorten);
    if (bytesOf(rest) <= STATUS_BYTES) return { status: rest, cutSince: since };
  }
  return { status: worstOf(rest), cutSince: since };
}

function withCut(status: DeviceStatus, shorten: Cut): DeviceStatus {
  return {
    ...status,
    deployments: Object.fromEntries(Object.entries(status.deployments).map(([name, report]) => [name, shorten(report)])),
  };
}

function isAsDesired({ phase, desiredRevision, runningRevision }: DeploymentReport): boolean {
  return phase === "Running" && desiredRevision !== null && runningRevision === desiredRevision;
}

/** In the order in which there is room for them. What is not named counts as gone. */
function rankOf({ phase, desiredRevision }: DeploymentReport): number {
  if (phase === "Removing" || desiredRevision === null) return 0;
  return classOfPhase(phase) === "trouble" ? 1 : 2;
}

/**
 * As many as there is room for, the worst first. A device that removes more than fit says all the
 * same, and is refused by the server: by a name that is missing it would say that it has removed
 * it.
 */
function worstOf({ deployments, running = {}, ...status }: DeviceStatus): DeviceStatus {
  const ranked = Object.entries(deployments).toSorted(([, a], [, b]) => rankOf(a) - rankOf(b));
  const { reason = "", message = "", since = "" } = status.problem ?? {};
  const all = ranked.length + Object.keys(running).length;
  const withProblem = (more: number): DeviceStatus => ({
    ...status,
    problem: {
      ...status.problem,
      reason,
      message: `${plainText(message, MESSAGE_CHARACTERS - 60)}; and ${more} more deployments are not named`,
      since,
    },
    deployments: {},
    running: {},
  });
  let room = STATUS_BYTES - bytesOf(withProblem(all));
  const fits = (name: string, value: unknown): boolean => {
    room -= Buffer.byteLength(JSON.stringify(name)) + Buffer.byteLength(JSON.stringify(value)) + 2;
    return room >= 0;
  };
  const told = ranked.filter(([name, report]) => fits(name, report) || rankOf(report) === 0);
  const named = Object.entries(running).filter(([name, revision]) => fits(name, revision));
  return { ...withProblem(all - told.length - named.length), deployments: Object.fromEntries(told), running: Object.fromEntries(named) };
}

function tooLarge(status: DeviceStatus, since: string): { reason: Reason; message: string; since: string } {
  const found = Math.ceil(bytesOf(status) / 1024);
  return { reason: "StatusTooLarge", message: statusTooLarge(found, STATUS_BYTES / 1024), since };
}

function bytesOf(status: DeviceStatus): number {
  return Buffer.byteLength(JSON.stringify(status));
}
