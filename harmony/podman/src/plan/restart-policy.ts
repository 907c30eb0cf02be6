// What the restart policy of a service asks for, of a container that is the wanted one. Pure.

import type { Service } from "../score/service.ts";
import type { Container } from "../model/snapshot.ts";

/**
 * Podman restarts by itself, within milliseconds, and clears up after what has ended; a container
 * that is started while 4.9 still clears up runs without its ports. What has not come back after
 * this time is ours to start. Times of exit are known in seconds.
 */
const LEFT_TO_PODMAN_MS = 3_000;

export type RestartNeed = "start" | "stop" | "resume" | "wait" | "nothing";

/**
 * What the restart policy asks for, of a container that is the wanted one. `isOurStop`: a stop that
 * it shows was not a person's.
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
