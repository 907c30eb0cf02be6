// Decides which containers of a deployment should run after a power cut. Pure; store/start-list.ts
// keeps them.

import { isStopOfOurs, type Kept } from "./kept.ts";
import { restartNeed } from "./restart-policy.ts";
import { isCompleted } from "../model/container-state.ts";
import type { SwapRecord } from "../model/swap-record.ts";

/**
 * Leaves out containers that a person stopped and whose restart policy keeps them down, and those
 * that run only once.
 */
export function startListOf(kept: readonly Pick<Kept, "service" | "current">[], record: SwapRecord): string[] {
  return kept
    .filter(({ service, current }) => {
      if (service.restart.policy === "no" || isCompleted(service, current)) return false;
      const isOurStop = isStopOfOurs(service.name, current.name, record);
      const isDown = current.state === "exited" && current.stoppedByUser && !isOurStop;
      return !isDown || restartNeed(service, current, { nowMs: Infinity, isOurStop }) === "start";
    })
    .map(({ current }) => current.name);
}
