// Carries out one step. No choice is left to make here; what Podman refuses becomes an Outcome in words that a person can act on
// (failure.ts).

import type { Outcome } from "@harmony/core";
import { systemClock } from "@harmony/runtime";
import { outcomeOf } from "./failure.ts";
import type { ImageStore } from "./image-store.ts";
import type { Podman } from "./podman.ts";
import { PodmanError } from "./podman-error.ts";
import type { InputStep, Step } from "./step.ts";

type PodmanStep = Exclude<Step, InputStep>;

const PORT_RETRY_MS = 30;

export interface Machine {
  readonly podman: Podman;
  readonly images: ImageStore;
}

export async function execute(machine: Machine, step: PodmanStep, signal: AbortSignal, progress: (text: string) => void): Promise<Outcome> {
  try {
    return await carryOut(machine, step, signal, progress);
  } catch (error) {
    if (!(error instanceof PodmanError)) throw error;
    if (error.code === "damaged") machine.images.foundDamaged(step, error.detail);
    return step.kind === "revive" ? { kind: "unchanged" } : outcomeOf(step, error);
  }
}

async function carryOut(
  { podman, images }: Machine,
  step: PodmanStep,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<Outcome> {
  switch (step.kind) {
    case "pull":
      return images.pull(step, signal, progress);
    case "mend":
      return images.mend(step, signal, progress);
    case "verifyImage":
      return images.verify(step, signal);
    case "makeRoom":
      return images.makeRoom(step, signal);
    case "createNetwork":
      await podman.createNetwork({ name: step.network, labels: step.labels }, signal);
      break;
    case "createVolume":
      await podman.createVolume({ name: step.volume, labels: step.labels }, signal);
      break;
    case "create":
      await podman.createContainer({ ...step.spec, name: step.container, labels: step.labels }, signal);
      await images.flush(signal);
      break;
    case "start":
      await start(podman, step, signal);
      break;
    case "revive":
      await podman.startContainer(step.container, signal);
      break;
    case "unpause":
      await podman.unpauseContainer(step.container, signal);
      break;
    case "stop":
      await podman.stopContainer(step.container, step.timeoutSeconds, signal);
      break;
    case "rename":
      await podman.renameContainer(step.container, step.to, signal);
      break;
    case "remove":
      await podman.removeContainer(step.container, signal);
      break;
    case "removeNetwork":
      await podman.removeNetwork(step.network, signal);
      break;
    default:
      step satisfies never;
  }
  return { kind: "changed" };
}

async function start(podman: Podman, step: Extract<Step, { kind: "start" }>, signal: AbortSignal): Promise<void> {
  const giveUpAtMs = systemClock.monotonicMs() + step.patienceMs;
  for (;;) {
    try {
      return await podman.startContainer(step.container, signal);
    } catch (error) {
      const mayPass = error instanceof PodmanError && error.code === "port-in-use" && systemClock.monotonicMs() < giveUpAtMs;
      if (!mayPass) throw error;
      await systemClock.sleep(PORT_RETRY_MS, signal);
    }
  }
}
