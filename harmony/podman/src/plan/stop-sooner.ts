// What a person pushes against a long stop counts for the container that is waited for, too: a
// shorter stopTimeoutSeconds, and `init: true` where the container's process 1 cannot hear its stop
// signal, so that only its kill ends it. A default shortens nothing. Pure.

import type { Container } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import { DEFAULT_STOP_TIMEOUT_SECONDS } from "../score/defaults.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { Service } from "../score/service.ts";

/** As Docker and Compose wait. */
const DEAF_SECONDS = 10;

export function stopSooner(steps: readonly Step[], wanted: PodmanV0, containers: readonly Container[]): Step[] {
  return steps.map((step) => {
    const service = step.kind === "stop" ? wanted.services.find(({ name }) => name === step.service) : undefined;
    if (step.kind !== "stop" || service === undefined) return step;
    const container = containers.find(({ name }) => name === step.container);
    return { ...step, timeoutSeconds: Math.min(step.timeoutSeconds, mostSeconds(service, container)) };
  });
}

function mostSeconds({ name, init, stopTimeoutSeconds }: Service, container: Container | undefined): number {
  const asked = stopTimeoutSeconds < DEFAULT_STOP_TIMEOUT_SECONDS ? stopTimeoutSeconds : Infinity;
  const before = scoreOfLabel(container?.scoreString ?? "")?.services.find((service) => service.name === name);
  const isCured = container?.isDeaf === true && init && before?.init === false;
  return isCured ? Math.min(asked, DEAF_SECONDS) : asked;
}
