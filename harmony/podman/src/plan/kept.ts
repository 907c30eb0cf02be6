// Decides whether a container that is the wanted one is started again, stopped, resumed or left as
// it is: from its restart policy, who stopped it, its crash loop and its trial. Pure. The stage
// start-services makes steps from it, and the plan carries it to the report.

import { lookUp } from "@harmony/schema";
import { crashNeed, type CrashNeed } from "./crash-loop.ts";
import { isCutShort } from "./gate.ts";
import { type RestartNeed, restartNeed } from "./restart-policy.ts";
import type { Slot } from "./slot.ts";
import { isOnTrial } from "./trial.ts";
import { isCompleted, isUp } from "../model/container-state.ts";
import { containerName, nextName } from "../model/names.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { SwapRecord } from "../model/swap-record.ts";
import type { Target } from "../model/target.ts";

/** A slot whose current container is the wanted one. */
export type Kept = Slot & { readonly current: Container; readonly need: RestartNeed; readonly crash: CrashNeed };

/** The slot if its container is the wanted one and serves under its name. */
export function keep(slot: Slot, target: Target, { record, nowMs }: Snapshot): Kept[] {
  const { service, current, next, previous, wanted } = slot;
  if (wanted !== "current" || current === undefined || (previous !== undefined && isUp(previous))) return [];
  const isTried = isOnTrial(record, target);
  const crash = isTried ? ({ kind: "nothing" } as const) : crashNeed(current, lookUp(record.crashes, service.name), nowMs);
  const isOurStop = target.kind === "waiting" || isStopOfOurs(service.name, current.name, record);
  const asked = restartNeed(service, current, { nowMs, isOurStop });
  const need = isTried && isCutShort(current, record.trial) ? "start" : asked === "start" && crash.kind === "wait" ? "nothing" : asked;
  const isNextAside = target.kind === "waiting" && next !== undefined && !isUp(next) && need !== "start";
  return next === undefined || isNextAside ? [{ ...slot, current, need, crash }] : [];
}

/**
 * Whether the agent made the stop that a container shows, for a while, so that it is no person's
 * wish: by a hold or before another start (`held`), or between two tries of a service that keeps
 * ending (`crashes`).
 */
export function isStopOfOurs(service: string, container: string, { held, crashes }: SwapRecord): boolean {
  return held.includes(container) || Object.hasOwn(crashes, service);
}

/**
 * Why it is neither started, stopped nor resumed now: a clause that continues the container's name.
 */
export function whyLeft({ service, current, need, crash }: Kept): string {
  if (crash.kind === "wait")
    return current.state === "running" ? "runs again, after it kept ending" : "keeps ending, and waits for its next try";
  if (need === "wait") return current.state === "stopping" ? "is being stopped" : "has just ended, and Podman may start it again by itself";
  switch (current.state) {
    case "running":
      return "runs";
    case "paused":
      return "is paused by a person, which its restart policy respects";
    case "exited":
      if (isCompleted(service, current)) return "has done its work";
      return current.stoppedByUser && service.restart.policy !== "no"
        ? "was stopped by a person, which its restart policy respects"
        : `has ended, and its restart policy "${service.restart.policy}" does not start it again`;
    case "created":
    case "stopping":
    case "broken":
      return "is on its way";
  }
}

/**
 * The containers of the version that have ended and are started again, by the agent or by Podman.
 */
export function startedAgain(deployment: string, { score }: Target, { containers, record, nowMs }: Snapshot): readonly string[] {
  return score.services.flatMap((service) => {
    const names = [containerName(deployment, service.name), nextName(deployment, service.name)];
    return containers
      .filter((one) => one.deployment === deployment && names.includes(one.name) && one.state === "exited")
      .filter((one) => restartNeed(service, one, { nowMs, isOurStop: isStopOfOurs(service.name, one.name, record) }) !== "nothing")
      .map(({ name }) => name);
  });
}
