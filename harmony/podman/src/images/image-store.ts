// Podman's storage of images, for all steps on it: the parts that they work with, the free space,
// and the flush of written data to the disk. An image counts as present when it was flushed; Podman
// itself does not flush.

import { type Clock, errorText } from "@harmony/runtime";
import type { DiskSpace } from "../device/disk-space.ts";
import type { HostView } from "../device/host-view.ts";
import type { FreshService } from "./fresh-service.ts";
import type { ImageLedger } from "./image-ledger.ts";
import type { ImageMemory } from "./image-memory.ts";
import type { Application } from "../model/application.ts";
import type { Podman } from "../libpod/podman.ts";
import type { Step } from "../model/step.ts";

export interface ImageStore {
  readonly application: Application;
  readonly podman: Podman;
  readonly disk: DiskSpace;
  readonly ledger: ImageLedger;
  readonly memory: ImageMemory;
  readonly service: FreshService;
  readonly host: Pick<HostView, "trustRule">;
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
}

export type StepOf<Kind extends Step["kind"]> = Extract<Step, { kind: Kind }>;

/** This much stays free for the data of services. */
export const RESERVE_BYTES = 200_000_000;
/** After the disk was full, this much more has to be free than it was then. */
export const AFTER_FULL_BYTES = 64_000_000;

/** All that was written to Podman's storage is on the disk when it returns. */
export async function flushImages({ podman, disk, memory }: ImageStore, signal: AbortSignal): Promise<void> {
  const root = await podman.graphRoot(signal);
  try {
    await disk.flush(root, signal);
    memory.unflushed = null;
  } catch (error) {
    signal.throwIfAborted();
    // Running a service is better than waiting for a disk that gives no answer.
    memory.unflushed = `what is written to ${root} cannot be flushed to the disk, and may be damaged by a power cut: ${errorText(error)}`;
  }
}

/**
 * Infinite where the file system gives no answer: the pull is tried then, and Podman fails when the
 * disk is full.
 */
export async function freeBytes({ podman, disk }: ImageStore, signal: AbortSignal): Promise<number> {
  const root = await podman.graphRoot(signal);
  try {
    return await disk.freeBytes(root, signal);
  } catch {
    signal.throwIfAborted();
    return Number.POSITIVE_INFINITY;
  }
}
