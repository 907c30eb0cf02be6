// The meaning of a container's state. Pure.

import type { Service } from "../score/service.ts";
import type { Container } from "./snapshot.ts";

/** Whether it holds its ports. */
export function isUp({ state }: Pick<Container, "state">): boolean {
  return state === "running" || state === "paused" || state === "stopping";
}

/** Whether it has done its work, and no policy starts it again. */
export function isCompleted({ restart }: Service, container: Container): boolean {
  const mayEnd = restart.policy === "no" || restart.policy === "on-failure";
  return mayEnd && container.state === "exited" && !container.stoppedByUser && container.exitCode === 0;
}
