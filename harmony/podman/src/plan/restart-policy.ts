// Reads what the restart policy of a service asks for, about a container that is the wanted one.
// Pure.

import type { Service } from "../score/service.ts";
import type { Container } from "../model/snapshot.ts";

/**
 * Podman restarts by itself, within milliseconds, and cleans up after containers that have ended. A
 * container that is started while 4.9 still cleans up runs without its ports. One that has not come
 * back after this time is ours to start. Times of exit are known in seconds.
 */
const LEFT_TO_PODMAN_MS = 3_000;

export type RestartNeed = "start" | "stop" | "resume" | "wait" | "nothing";

/**
 * The demand of the restart policy for a container that is the wanted one. `isOurStop`: no person
 * made the stop that it shows.
 */
export function restartNeed(
  service: Service,
  container: Container,
  { nowMs, isOurStop }: { readonly nowMs: number; readonly isOurStop: boolean },
): RestartNeed {
  const { policy, retries } = service.restart;
  switch (container.state) {
    case "running":
      return "nothing";
    case "paused":
      return policy === "unless-stopped" ? "nothing" : "resume";
    case "stopping":
      return policy === "always" ? "stop" : "wait";
    case "created":
    case "broken":
      return "start";
    case "exited": {
      if (container.stoppedByUser && isOurStop) return "start";
      if (policy === "no") return "nothing";
      if (container.stoppedByUser && policy !== "always") return "nothing";
      if (policy === "on-failure" && (container.exitCode === 0 || (retries > 0 && container.restarts >= retries))) return "nothing";
      const isLong = container.exitedAtMs === null || nowMs - container.exitedAtMs > LEFT_TO_PODMAN_MS;
      return isLong ? "start" : "wait";
    }
  }
}
