// Pulls so that the image outlives a power cut: the pull is recorded in the ledger before it
// begins, broken off when the disk is too small for it, flushed, and only then counted as done.

import type { Outcome } from "../model/reason.ts";
import { AFTER_FULL_BYTES, flushImages, freeBytes, type ImageStore, RESERVE_BYTES, type StepOf } from "./image-store.ts";
import { PodmanError, type PodmanErrorCode } from "../libpod/podman-error.ts";
import type { PullLine } from "../libpod/answers.ts";
import { megabytes } from "../model/units.ts";
import { type PullSize, pullProgress } from "./pull-progress.ts";

/** A layer is fetched whole, then unpacked to about twice its size. */
const UNPACKED = 3;

export async function pullImage(
  store: ImageStore,
  step: StepOf<"pull">,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<Outcome> {
  const { podman, ledger, memory, clock } = store;
  const { reference, policy } = step;
  const state = await ledger.pullState(reference);
  let before = await podman.inspectImage(reference, signal);
  if (before !== null && state === "cut") {
    progress("looking whether it is whole");
    if (!(await isWhole(store, reference, signal))) {
      await podman.removeImage(reference, signal);
      before = null;
    }
  }
  let outcome: Outcome = { kind: "changed" };
  let bytes = 0;
  if (before === null || policy === "newer") {
    await ledger.pullBegins(reference);
    try {
      bytes = await fetch(store, step, signal, progress);
      memory.notes.delete(reference);
      // Podman took the partial layers that the cut left for whole.
      if (state === "cut" && before === null && !(await isWhole(store, reference, signal))) {
        await podman.removeImage(reference, signal);
        bytes += await fetch(store, step, signal, progress);
      }
    } catch (error) {
      // What the registry has now may not run: that is said, and nothing else is started in its
      // place.
      const isToSay = !(error instanceof PodmanError) || error.code === "unreachable" || error.code === "image-not-trusted";
      if (before === null || isToSay) throw error;
      memory.notes.set(reference, `whether there is a newer one could not be found out (${error.detail}), so the image in hand is used`);
      outcome = { kind: "unchanged" };
    }
  }
  await flushImages(store, signal);
  const after = await podman.inspectImage(reference, signal);
  if (after === null) throw new PodmanError(`failed to pull image "${reference}": it is not there afterwards`, { code: "bad-answer" });
  const isOurs = after.Id !== before?.Id || state !== "none";
  if (!memory.suspected.has(reference)) memory.verified.add(after.Id);
  // The entry stays if nothing was flushed, and the image is read as a whole after the next boot.
  if (memory.unflushed === null) await ledger.pullEnds(reference, isOurs ? after.Id : null, clock.now());
  return { ...outcome, bytes };
}

/**
 * Ends a pull that would fill the disk as soon as Podman gives the sizes of its layers. Resolves
 * with what was fetched of them.
 */
async function fetch(
  store: ImageStore,
  { reference, policy }: StepOf<"pull">,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<number> {
  const { neededBytes } = store.memory;
  const free = await freeBytes(store, signal);
  const tooLarge = new AbortController();
  let bytes = 0;
  const onSize = ({ currentBytes, totalBytes }: PullSize): void => {
    bytes = currentBytes;
    const needed = UNPACKED * totalBytes + RESERVE_BYTES / 4;
    if (needed <= free) return;
    neededBytes.set(reference, needed);
    tooLarge.abort();
  };
  try {
    const either = AbortSignal.any([signal, tooLarge.signal]);
    await askRegistry(store, { reference, policy: policy === "newer" ? "always" : policy }, either, pullProgress(progress, onSize));
    neededBytes.delete(reference);
    return bytes;
  } catch (error) {
    signal.throwIfAborted();
    const detail = `${megabytes(free)} free`;
    if (tooLarge.signal.aborted) throw new PodmanError(`failed to pull image "${reference}"`, { code: "disk-full", detail });
    if (error instanceof PodmanError && error.code === "disk-full") {
      neededBytes.set(reference, (await freeBytes(store, signal)) + AFTER_FULL_BYTES);
    }
    throw error;
  }
}

/** A registry that has been asked too often is left alone for a while. */
export async function askRegistry(
  { podman, memory: { busy }, service, host }: ImageStore,
  { reference, policy }: { readonly reference: string; readonly policy: "missing" | "always" },
  signal: AbortSignal,
  onLine: (line: PullLine) => void,
): Promise<void> {
  const registry = reference.split("/")[0] ?? "";
  const detail = busy.of(registry);
  if (detail !== null) throw new PodmanError(`failed to pull image "${reference}"`, { code: "registry-busy", detail });
  const pull = (): Promise<void> => podman.pullImage(reference, policy, signal, onLine);
  await service.renewIfChanged(signal);
  try {
    await pull().catch(async (error: unknown) => {
      const isOfConfig = error instanceof PodmanError && OF_CONFIG.has(error.code);
      if (!isOfConfig || !(await service.renewAfterFailure(signal))) throw error;
      await pull();
    });
  } catch (error) {
    if (!(error instanceof PodmanError)) throw error;
    if (error.code === "registry-busy") busy.found(registry, error.detail);
    throw await withTrustRule(error, reference, host);
  }
}

/**
 * Podman says that it refuses an image, and not by what; of a file that it cannot read, only what
 * is wrong in it.
 */
async function withTrustRule(error: PodmanError, reference: string, host: ImageStore["host"]): Promise<PodmanError> {
  if (error.code !== "image-not-trusted" && error.code !== "failed") return error;
  const { says, isUnreadable } = await host.trustRule(reference);
  if (error.code === "failed" && !isUnreadable) return error;
  return new PodmanError(error.message, { code: "image-not-trusted", detail: `${says} refuses it (${error.detail})`, cause: error });
}

/** What the service has read of registries and authorities may have led to it. */
const OF_CONFIG: ReadonlySet<PodmanErrorCode> = new Set([
  "registry-unreachable",
  "registry-untrusted",
  "registry-denied",
  "image-not-found",
  "image-not-trusted",
  "failed",
]);

async function isWhole({ podman }: ImageStore, reference: string, signal: AbortSignal): Promise<boolean> {
  try {
    await podman.verifyImage(reference, signal);
    return true;
  } catch (error) {
    if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
    return false;
  }
}
