// Decides whether a version has proved itself: healthy by its health check within its deadline, or,
// without one, still up after some seconds and never restarted. A service that may end has proved
// itself by ending well. Failures caused by the device or by a person do not count. A container
// that a person keeps stopped stays on probation. Times are those of the clock that never jumps.

import { QUICK_RESTARTS } from "./crash-loop.ts";
import type { Slot } from "./slot.ts";
import { healthDeadlineMs, lastCheckInWords } from "../model/health.ts";
import { endedByPageSize, pageSizeCure } from "../model/page-size.ts";
import { isCompleted } from "../model/container-state.ts";
import type { RestartNeed } from "./restart-policy.ts";
import type { Container } from "../model/snapshot.ts";
import type { Trial } from "../model/swap-record.ts";
import type { Reason } from "../model/reason.ts";

const STEADY_MS = 5_000;
/** Podman gives times in whole seconds. */
const SECOND_MS = 1_000;
const HEALTH_RECHECK_MS = 2_000;
/** A device that goes down each time a version is tried does so because of the version. */
export const MAX_DEVICE_FAILURES = 3;

export type Judgement =
  | { readonly kind: "passed" }
  /** null: until the next event. */
  | { readonly kind: "pending"; readonly againInMs: number | null }
  | { readonly kind: "failed"; readonly reason: Reason; readonly why: string };

/**
 * `trial` null: the version is on none, and is judged all the same. `pageBytes`: the device's;
 * absent: not known.
 */
export function judge(
  { service, isLeft, need }: Pick<Slot, "service" | "isLeft"> & { readonly need: RestartNeed },
  container: Container,
  trial: Trial | null,
  pageBytes?: number,
): Judgement {
  const { state, health, restarts, recentRestarts, exitCode, startedAtMs, exitedAtMs, upMs, aliveMs, lastLines } = container;
  const failed = (reason: Reason, why: string): Judgement => ({ kind: "failed", reason, why });
  const pending = (againInMs: number | null): Judgement => ({ kind: "pending", againInMs });
  if (state === "created" || state === "broken" || isCutShort(container, trial)) return pending(null);
  // The new version has left this container as it was, so its earlier state still holds.
  const lastChangeMs = Math.max(startedAtMs ?? 0, exitedAtMs ?? 0);
  if (trial !== null && isLeft && lastChangeMs + SECOND_MS <= Date.parse(trial.startedAt)) return { kind: "passed" };
  // Podman itself may have stopped it for that.
  if (health === "unhealthy") return failed("Unhealthy", `its health check fails${lastCheckInWords(container)}`);
  const isByHand = state === "paused" || (state === "exited" && container.stoppedByUser);
  if (isByHand || state === "stopping") return isLeft ? { kind: "passed" } : pending(null);
  if (isCompleted(service, container)) return { kind: "passed" };

  const isChecked = (service.healthcheck !== undefined && service.healthcheck !== "none") || health !== "none";
  // It may end once or twice while another service is not up yet: its health shows whether it has
  // become well. A container that was left as it was is not on trial.
  const mayEnd = isChecked || isLeft;
  const ended = (what: string): Judgement =>
    endedByPageSize(lastLines) ? failed("PageSize", `${what}: ${pageSizeCure(pageBytes)}`) : failed("Exited", what);
  if (restarts > 0 && (!mayEnd || recentRestarts >= QUICK_RESTARTS)) {
    return ended(`it ended with exit code ${exitCode} and was restarted`);
  }
  if (state === "exited" && !(mayEnd && need === "wait")) return ended(`it ended with exit code ${exitCode}`);
  if (!isChecked) return upMs >= STEADY_MS ? { kind: "passed" } : pending(STEADY_MS - upMs);
  if (health === "healthy" && state === "running") return { kind: "passed" };
  const deadlineMs = healthDeadlineMs(service);
  // On probation, counted from the first start.
  return (isLeft ? upMs : aliveMs) <= deadlineMs
    ? pending(HEALTH_RECHECK_MS)
    : failed("Unhealthy", `it was not healthy within ${Math.round(deadlineMs / 1_000)} s${lastCheckInWords(container)}`);
}

/**
 * It ended when the device did, within its trial: it should be started again, whatever its restart
 * policy.
 */
export function isCutShort({ state, exitedAtMs }: Container, trial: Trial | null): boolean {
  if (state !== "exited" || exitedAtMs === null || trial === null || trial.resumedAt === null) return false;
  return exitedAtMs <= Date.parse(trial.resumedAt) && exitedAtMs + SECOND_MS > Date.parse(trial.startedAt);
}
