// Whether a version has proved itself: healthy by its health check within its deadline, or, without one, still up after some seconds and
// never restarted. One that may end has proved itself by ending well. What befell the device or a person did to it is not held against it.

import type { Service } from "./podman-v0-schema.ts";
import { isCompleted, type Role } from "./role.ts";
import type { Container } from "./snapshot.ts";
import type { Trial } from "./swap-journal.ts";

/** Podman tells times in whole seconds. */
const SECOND_MS = 1_000;
const STEADY_MS = 5_000 + SECOND_MS;
/** A check that comes a little late is not too late. */
const HEALTH_SLACK_MS = 5_000;
const HEALTH_RECHECK_MS = 2_000;
/** Of a health check that is the image's own, whose times are not known here: Podman itself calls it unhealthy long before. */
const UNKNOWN_HEALTH_MS = 600_000;
/** A device that goes down each time a version is tried does so because of it. */
export const MAX_DEVICE_FAILURES = 3;

export type Judgement =
  | { readonly kind: "passed" }
  /** null: until something is heard. */
  | { readonly kind: "pending"; readonly againInMs: number | null }
  | { readonly kind: "failed"; readonly reason: string; readonly why: string };

/** `trial` null: it is on none, and is judged all the same. */
export function judge(role: Pick<Role, "service" | "old">, container: Container, trial: Trial | null, nowMs: number): Judgement {
  const { service, old } = role;
  const { restarts, exitCode, startedAtMs, exitedAtMs } = container;
  const failed = (reason: string, why: string): Judgement => ({ kind: "failed", reason, why });
  const pending = (againInMs: number | null): Judgement => ({ kind: "pending", againInMs });
  // What the new version has left as it was is as it was.
  const lastChangeMs = Math.max(startedAtMs ?? nowMs, exitedAtMs ?? 0);
  if (trial !== null && old === undefined && lastChangeMs + SECOND_MS <= Date.parse(trial.startedAt)) return { kind: "passed" };
  switch (container.state) {
    case "running": {
      if (restarts > 0) return failed("Exited", `it ended with exit code ${exitCode} and was restarted`);
      const upMs = nowMs - (startedAtMs ?? nowMs);
      if (container.health === "unhealthy") return failed("Unhealthy", "its health check fails");
      if (container.health === "healthy") return { kind: "passed" };
      if (container.health === "starting" || service.healthcheck !== undefined) {
        const deadlineMs = healthDeadlineMs(service.healthcheck);
        if (upMs <= deadlineMs) return pending(HEALTH_RECHECK_MS);
        return failed("Unhealthy", `it was not healthy within ${Math.round(deadlineMs / 1_000)} s`);
      }
      const wasClockSetBack = upMs < -STEADY_MS;
      return upMs >= STEADY_MS || wasClockSetBack ? { kind: "passed" } : pending(STEADY_MS - upMs);
    }
    case "exited":
      // By a person, and with a restart policy that respects it: otherwise it would be started.
      if (isCompleted(service, container) || container.stoppedByUser) return { kind: "passed" };
      if (isCutShort(container, trial)) return pending(null);
      return failed("Exited", `it ended with exit code ${exitCode}`);
    case "paused":
      // Likewise.
      return { kind: "passed" };
    case "created":
    case "stopping":
    case "broken":
      return pending(null);
  }
}

/** It ended when the device did, within its trial: it is to be started again, whatever its restart policy. */
export function isCutShort({ state, exitedAtMs }: Container, trial: Trial | null): boolean {
  if (state !== "exited" || exitedAtMs === null || trial === null || trial.resumedAt === null) return false;
  return exitedAtMs <= Date.parse(trial.resumedAt) && exitedAtMs + SECOND_MS > Date.parse(trial.startedAt);
}

/** How long after its start a service may be before it is healthy. */
function healthDeadlineMs(check: Service["healthcheck"]): number {
  if (check === undefined) return UNKNOWN_HEALTH_MS;
  return check.startPeriod + check.retries * (check.interval + check.timeout) + HEALTH_SLACK_MS;
}
