// Podman's storage of images as all deeds upon it need it: what they work with, how much room there
// is, and that what was written is on the disk. An image counts as there when it was flushed;
// Podman itself does not flush.

import { type Clock, errorText } from "@harmony/runtime";
import type { DiskSpace } from "../device/disk-space.ts";
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
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
}

export type StepOf<Kind extends Step["kind"]> = Extract<Step, { kind: Kind }>;

/** So much stays free for what the services write. */
export const RESERVE_BYTES = 200_000_000;
/** After what filled the disk, so much more has to be free than it left. */
export const AFTER_FULL_BYTES = 64_000_000;

/** All that was written to Podman's storage is on the disk when it returns. */
export async function flushImages({ podman, disk, memory }: ImageStore, signal: AbortSignal): Promise<void> {
  const root = await podman.graphRoot(signal);
  try {
    await disk.flush(root, signal);
    memory.unflushed = null;
  } catch (error) {
    signal.throwIfAborted();
    // Better to run than to wait for a disk that tells nothing.
    memory.unflushed = `what is written to ${root} cannot be flushed to the disk, and may be damaged by a power cut: ${errorText(error)}`;
  }
}

/**
 * Infinite where the file system does not tell: it is tried then, and Podman says when it is full.
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
