// Carries out one step. It has no choice left to make: Podman's refusal becomes an Outcome with a
// code, and words that a person can act on (failure.ts). The planner decides what is done about it
// (plan/answer-failure.ts).

import type { Outcome } from "../model/reason.ts";
import { errorText, systemClock } from "@harmony/runtime";
import type { Application } from "../model/application.ts";
import { outcomeOf } from "./failure.ts";
import { flushImages, type ImageStore } from "../images/image-store.ts";
import { noteFullDisk, pruneImages } from "../images/prune-images.ts";
import { pullImage } from "../images/pull-image.ts";
import { noteDamage, repairImage, verifyImage } from "../images/repair-image.ts";
import { endLostNetworks, type NetworkRemains } from "./lost-networks.ts";
import { makeContainer } from "./make-container.ts";
import type { HostView } from "../device/host-view.ts";
import type { Podman } from "../libpod/podman.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import type { StartList } from "../store/start-list.ts";
import type { InputStep, Step } from "../model/step.ts";
import type { SwapJournal } from "../store/swap-journal.ts";
import { StorageError } from "../store/stored-file.ts";

type PodmanStep = Exclude<Step, InputStep>;

const PORT_RETRY_MS = 30;
/** A port that was released is free before that. */
const PORT_SUSPECT_MS = 500;
const PORT_FREED_MS = 2_000;
const STOP_PROGRESS_MS = 5_000;
const HALF_STARTED_STOP_SECONDS = 10;

export interface Machine {
  readonly application: Application;
  readonly podman: Podman;
  readonly images: ImageStore;
  readonly journal: SwapJournal;
  readonly startList: StartList;
  readonly networkRemains: NetworkRemains;
  readonly host: Pick<HostView, "runs">;
}

export async function execute(machine: Machine, step: PodmanStep, signal: AbortSignal, progress: (text: string) => void): Promise<Outcome> {
  try {
    return await carryOut(machine, step, signal, progress);
  } catch (error) {
    if (error instanceof StorageError) return notStored(step, error);
    if (!(error instanceof PodmanError)) throw error;
    const { code, detail } = error;
    // The failure holds nothing up: the container's replacement may repair it.
    if (step.kind === "revive") return { kind: "unchanged", code, detail };
    const outcome = outcomeOf(step, error, machine.application);
    return "reason" in outcome ? { ...outcome, code, detail } : outcome;
  }
}

export function notStored(step: Step, error: StorageError): Outcome {
  const subject = "service" in step ? step.service : "journal";
  const message = `what the device has to remember cannot be written, so nothing is changed: ${errorText(error)}; free some space, or correct the folder's rights`;
  return { kind: "blocked", subject, reason: "JournalNotWritten", message };
}

async function carryOut(machine: Machine, step: PodmanStep, signal: AbortSignal, progress: (text: string) => void): Promise<Outcome> {
  const { podman, images } = machine;
  switch (step.kind) {
    case "pull":
      return pullImage(images, step, signal, progress);
    case "createNetwork":
      await podman.createNetwork({ name: step.network, labels: step.labels }, signal);
      break;
    case "createVolume":
      await podman.createVolume({ name: step.volume, labels: step.labels }, signal);
      break;
    case "create":
      await makeContainer(machine, step, signal);
      await flushImages(images, signal);
      break;
    case "start":
      await start(machine, step, signal);
      break;
    case "revive":
      await start(machine, { container: step.container, patienceMs: 0 }, signal);
      break;
    case "unpause":
      await podman.unpauseContainer(step.container, signal);
      break;
    case "stop":
      await stop(podman, step, signal, progress);
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
      return keep(machine, step, signal);
  }
  return { kind: "changed" };
}

type KeepingStep = Extract<
  Step,
  { kind: "journal" | "recordStart" | "releaseReserve" | "repairImage" | "verifyImage" | "pruneImages" | "noteDamage" | "noteFullDisk" }
>;

/** Carries out the steps that concern no container: records, and the images in Podman's storage. */
async function keep({ images, journal, startList }: Machine, step: KeepingStep, signal: AbortSignal): Promise<Outcome> {
  switch (step.kind) {
    case "repairImage":
      return repairImage(images, step, signal);
    case "verifyImage":
      return verifyImage(images, step, signal);
    case "pruneImages":
      // On a full disk Podman finds no room to write down that an image is gone.
      await journal.release();
      return pruneImages(images, step, signal);
    case "journal":
      await journal.write(step.deployment, step.record);
      return { kind: "changed" };
    case "recordStart":
      await startList.write(step.deployment, step.containers);
      return { kind: "changed" };
    case "noteDamage":
      noteDamage(images, step);
      return { kind: "unchanged" };
    case "noteFullDisk":
      return { kind: (await noteFullDisk(images, step.deployment, signal)) ? "changed" : "unchanged" };
    case "releaseReserve":
      return { kind: (await journal.release()) ? "changed" : "unchanged" };
  }
}

async function start(
  { podman, networkRemains }: Machine,
  { container, patienceMs }: Pick<Extract<Step, { kind: "start" }>, "container" | "patienceMs">,
  signal: AbortSignal,
): Promise<void> {
  const begunMs = systemClock.monotonicMs();
  let giveUpAtMs = begunMs + patienceMs;
  let isEnded = false;
  let isCleared = false;
  for (;;) {
    try {
      return await podman.startContainer(container, signal);
    } catch (error) {
      if (!(error instanceof PodmanError)) throw error;
      if (error.code === "failed" && !isEnded && (await isHalfStarted(podman, container, signal))) {
        await podman.stopContainer(container, HALF_STARTED_STOP_SECONDS, signal);
        isEnded = true;
        continue;
      }
      if (error.code !== "port-in-use" && error.code !== "network-half-made") throw error;
      if (!isCleared && systemClock.monotonicMs() >= begunMs + Math.min(patienceMs, PORT_SUSPECT_MS)) {
        isCleared = true;
        if (await endLostNetworks(podman, networkRemains, signal)) giveUpAtMs = systemClock.monotonicMs() + PORT_FREED_MS;
      }
      if (systemClock.monotonicMs() >= giveUpAtMs) throw error;
      await systemClock.sleep(PORT_RETRY_MS, signal);
    }
  }
}

/**
 * Whether a start was broken off after its process had begun and before Podman took note of it (a
 * Podman that was killed, or too slow). The container runs, Podman calls it "initialized", and no
 * start helps until it has ended.
 */
async function isHalfStarted(podman: Podman, container: string, signal: AbortSignal): Promise<boolean> {
  return (await podman.inspectContainer(container, signal)).State.Status === "initialized";
}

/**
 * A service may take minutes to end. Meanwhile the report says for how long it has been stopping.
 */
async function stop(
  podman: Podman,
  step: Extract<Step, { kind: "stop" }>,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<void> {
  const begunMs = systemClock.monotonicMs();
  const progressing = setInterval(() => progress(String(Math.round((systemClock.monotonicMs() - begunMs) / 1_000))), STOP_PROGRESS_MS);
  try {
    await podman.stopContainer(step.container, step.timeoutSeconds, signal);
  } finally {
    clearInterval(progressing);
  }
}
