// Keeps up the containers that are as the version says. kept.ts decides whether one is started,
// stopped or resumed; here that becomes steps, with what such a container needs to start.

import { hasReturnedDevice } from "./host-obstacle.ts";
import { type Kept, whyLeft } from "./kept.ts";
import { provideInputs } from "./plan-inputs.ts";
import type { Situation } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { PORT_RELEASE_MS, stop, type Trial, unpause } from "./swap.ts";
import { isOnTrial, journal } from "./trial.ts";
import { isCheckOverdue } from "../model/health.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { Service } from "../score/service.ts";

/** Provides the files and secrets that a container was made with and that are gone since. */
export const provideKeptInputs: Stage<Situation> = {
  name: "provide-inputs",
  purpose: "files or secrets of a container are not there",
  plan: (situation) => stepsOr(inputsOfKept(situation), "the files and secrets of the containers that stay are there"),
};

/**
 * Without the record, a pass that is cut short between the stop and the start would leave a stop
 * that looks like a person's.
 */
export const recordOwnStops: Stage<Situation> = {
  name: "record-own-stops",
  purpose: "a container is stopped to be started again, and the journal says whose stop that is",
  plan({ deployment, free, snapshot }) {
    const { record } = snapshot;
    const stopped = free.filter((slot) => isToStartAgain(slot, snapshot)).map(({ current }) => current);
    const held = [...new Set([...record.held, ...stopped.map(({ name }) => name)])];
    if (held.length === record.held.length)
      return { stoodBack: "no container is to be stopped and started again that the journal does not know of" };
    const why = stopped.some((current) => current.hasLostNetwork)
      ? "its network has ended"
      : free.some(({ service, current }) => isRestartedForCheck(service, current))
        ? "its health check does not answer"
        : "a device of it is back";
    return [journal(deployment, { record: { ...record, held }, why })];
  },
};

/**
 * Starts containers that are down and should run, and stops or resumes those whose state the
 * restart policy does not want.
 */
export const startServices: Stage<Situation> = {
  name: "start-services",
  purpose: "a container is not in the state that its restart policy asks for, or has to be started again to do its work",
  plan({ target, free, kept, swap, snapshot }) {
    const trial = isOnTrial(snapshot.record, target) ? swap.trial : null;
    const steps = free.flatMap((slot) => stepsFor(slot, trial, snapshot));
    const left = kept.map(
      (slot) => `${slot.current.name} ${free.includes(slot) ? whyLeft(slot) : "is held up by what is blocked, or by a port"}`,
    );
    return stepsOr(steps, left.join(", ") || "no container is as the version says");
  },
};

export function inputsOfKept({ free, snapshot }: Situation): Step[] {
  return provideInputs(
    free.map((slot) => ({ ...slot, madeWith: slot.current.inputs })),
    snapshot,
  );
}

function stepsFor(slot: Kept, trial: Trial, snapshot: Snapshot): Step[] {
  const { service, current, need } = slot;
  const start = (patienceMs: number): Step => ({ kind: "start", service: service.name, container: current.name, patienceMs, trial });
  if (need === "start") return [start(0)];
  if (isToStartAgain(slot, snapshot)) return [...stop(current), start(PORT_RELEASE_MS)];
  if (need === "stop") return stop(current);
  return need === "resume" ? unpause(current) : [];
}

/** Podman itself acts only on checks that fail, never on one that does not end. */
function isRestartedForCheck(service: Service, current: Container): boolean {
  const { healthcheck: check } = service;
  return check !== undefined && check !== "none" && check.onFailure === "restart" && isCheckOverdue(service, current);
}

/**
 * It runs, and cannot do its work before its next start. A container that nobody ever starts again
 * is left alone.
 */
function isToStartAgain({ service, current }: Pick<Kept, "service" | "current">, { host, nowMs }: Snapshot): boolean {
  return (
    (current.hasLostNetwork && service.restart.policy !== "no") ||
    isRestartedForCheck(service, current) ||
    hasReturnedDevice(service, current, host, nowMs)
  );
}
