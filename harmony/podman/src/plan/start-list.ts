// Which containers of a deployment are to run after a power cut. Pure; store/start-list.ts keeps them.

import { isCompleted } from "../model/container-state.ts";
import { restartNeed } from "../model/restart-need.ts";
import type { Container } from "../model/snapshot.ts";
import type { SwapRecord } from "../model/swap-record.ts";
import type { Role } from "./role.ts";

/** Not what a person stopped and his restart policy keeps down, and not what is to run once. */
export function startListOf(roles: readonly (Role & { readonly current: Container })[], record: SwapRecord): string[] {
  return roles
    .filter(({ service, current }) => {
      if (service.restart.policy === "no" || isCompleted(service, current)) return false;
      const isOurStop = record.held.includes(current.name) || Object.hasOwn(record.crashes, service.name);
      const isDown = current.state === "exited" && current.stoppedByUser && !isOurStop;
      return !isDown || restartNeed(service, current, { nowMs: Infinity, isOurStop }) === "start";
    })
    .map(({ current }) => current.name);
}
