// Which containers of a deployment are to run after a power cut. Pure; store/start-list.ts keeps
// them.

import { isStopOfOurs, type Kept } from "./kept.ts";
import { restartNeed } from "./restart-policy.ts";
import { isCompleted } from "../model/container-state.ts";
import type { SwapRecord } from "../model/swap-record.ts";

/** Leaves out what a person stopped and its restart policy keeps down, and what is to run once. */
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
