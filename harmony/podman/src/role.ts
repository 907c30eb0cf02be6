// What there is of one service: the container that bears its final name, the one that bears the temporary name, and which of the two
// the Score wants. A container made from another Score string still fits if both Scores derive the same container.

import type { Desired } from "@harmony/core";
import { canonicalJson } from "@harmony/schema";
import { type ContainerSpec, containerSpec } from "./container-spec.ts";
import { type Inputs, inputsOf } from "./inputs.ts";
import { containerName, nextName } from "./names.ts";
import type { PodmanV0, Service } from "./podman-v0-schema.ts";
import { scoreOfLabel } from "./score-label.ts";
import type { Container, Snapshot } from "./snapshot.ts";

/**
 * Podman restarts by itself, within milliseconds, and clears up after what has ended; a container that is started while 4.9 still
 * clears up runs without its ports. What has not come back after this time is ours to start. Times of exit are known in seconds.
 */
const LEFT_TO_PODMAN_MS = 3_000;

export interface Role {
  readonly service: Service;
  readonly spec: ContainerSpec;
  readonly inputs: Inputs;
  readonly final: string;
  readonly temporary: string;
  readonly current: Container | undefined;
  readonly next: Container | undefined;
  /** The current one if both fit. */
  readonly wanted: "current" | "next" | "neither";
}

export function assignRoles(desired: Desired<PodmanV0>, score: PodmanV0, snapshot: Snapshot): Role[] {
  const { device, controllers, host } = snapshot;
  const context = { deployment: desired.name, device, controllers, host };
  return score.services.map((service): Role => {
    const spec = containerSpec(score, service, context);
    const inputs = inputsOf(service, context);
    const fits = (container: Container | undefined): boolean => {
      if (container === undefined) return false;
      // What is missing now may have been there when it was made: that is no reason to touch it.
      if (inputs.missing.length === 0 && container.inputs !== inputs.label) return false;
      if (container.scoreString === desired.scoreString) return true;
      const old = scoreOfLabel(container.scoreString);
      const before = old?.services.find(({ name }) => name === service.name);
      return old !== null && before !== undefined && canonicalJson(containerSpec(old, before, context)) === canonicalJson(spec);
    };
    const final = containerName(desired.name, service.name);
    const temporary = nextName(desired.name, service.name);
    const named = (name: string): Container | undefined =>
      snapshot.containers.find((container) => container.deployment === desired.name && container.name === name);
    const current = named(final);
    const next = named(temporary);
    return { service, spec, inputs, final, temporary, current, next, wanted: fits(current) ? "current" : fits(next) ? "next" : "neither" };
  });
}

/** It holds its ports. */
export function isUp({ state }: Container): boolean {
  return state === "running" || state === "paused" || state === "stopping";
}

export type RestartNeed = "start" | "stop" | "resume" | "wait" | "nothing";

/** What the restart policy asks for, of a container that is the wanted one. */
export function restartNeed(service: Service, container: Container, nowMs: number): RestartNeed {
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
      if (policy === "no") return "nothing";
      if (container.stoppedByUser && policy !== "always") return "nothing";
      if (policy === "on-failure" && (container.exitCode === 0 || (retries > 0 && container.restarts >= retries))) return "nothing";
      const isLong = container.exitedAtMs === null || nowMs - container.exitedAtMs > LEFT_TO_PODMAN_MS;
      return isLong ? "start" : "wait";
    }
  }
}
