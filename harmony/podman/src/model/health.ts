// When a health check should have answered by, and what it said last. Podman calls a container
// unhealthy after checks that fail; a check that never ends, or never runs, it waits for without
// end. Pure. Times are those of the clock that never jumps.

import { plainText } from "@harmony/core";
import type { Container } from "./snapshot.ts";
import type { Service } from "../score/service.ts";

/** A check that comes a little late is not too late. */
const HEALTH_SLACK_MS = 5_000;
/**
 * The times of the image's own health check are not known here. Podman itself calls it unhealthy
 * long before.
 */
const UNKNOWN_HEALTH_MS = 600_000;
const OUTPUT_CHARACTERS = 200;

type Checked = Partial<Pick<Service, "healthcheck">>;

/** How long after its start, or after its last check, a service may take to be found healthy. */
export function healthDeadlineMs({ healthcheck: check }: Checked): number {
  if (check === undefined || check === "none") return UNKNOWN_HEALTH_MS;
  return check.startPeriod + check.retries * (check.interval + check.timeout) + HEALTH_SLACK_MS;
}

/** Its health check hangs, or never runs. */
export function isCheckOverdue(service: Checked, container: Container): boolean {
  const { state, health, upMs, silentMs } = container;
  if (state !== "running") return false;
  const deadlineMs = healthDeadlineMs(service);
  return health === "starting" ? upMs > deadlineMs : health === "healthy" && silentMs > deadlineMs;
}

/** A clause for a person, of a check that is overdue; `last`: as lastCheckInWords gives it. */
export function overdueInWords(service: Checked, last = ""): string {
  const { healthcheck: check } = service;
  if (check !== undefined && check !== "none" && check.interval === 0)
    return "its health check never runs, since its interval is 0s: give it an interval, or write `healthcheck: none`";
  return `its health check has not answered within ${Math.round(healthDeadlineMs(service) / 1_000)} s: it hangs, or is not run${last}; try it by hand, and correct it, or its timeout`;
}

/** ` (exit code 1: no route to host)`; empty: no check has ended yet. */
export function lastCheckInWords({ lastCheck }: Pick<Container, "lastCheck">): string {
  if (lastCheck === null) return "";
  const lines = lastCheck.output.split("\n").map((line) => plainText(line, OUTPUT_CHARACTERS).trim());
  const line = lines.findLast((one) => one !== "");
  return ` (exit code ${lastCheck.exitCode}${line === undefined ? "" : `: ${line}`})`;
}
