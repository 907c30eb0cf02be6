// Keeps the device's record of each deployment (model/swap-record.ts): one file a deployment, on
// disk before the step that relies on it. A reserve lies beside them, so that there is a way back
// from a version that fills the disk. Without a file (lost, or corrupt and kept aside) nothing is
// removed: labels and names say what runs, and a trial begins anew.

import { join } from "node:path";
import { readDurably } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { DiskReserve } from "./disk-reserve.ts";
import { SwapRecord } from "../model/swap-record.ts";
import { store, StorageError, type StorageOptions, taken } from "./stored-file.ts";

export interface SwapJournal {
  /** null: nothing is recorded. @throws StorageError. */
  read(deployment: string): Promise<SwapRecord | null>;
  /** On disk when it returns; null forgets. @throws StorageError. */
  write(deployment: string, record: SwapRecord | null): Promise<void>;
  /** Whether it keeps some of the disk for the time when that is full. */
  hasReserve(): Promise<boolean>;
  /** Releases the disk space that it keeps for a full disk; whether there was any. */
  release(): Promise<boolean>;
}

export function fileSwapJournal({ folder, onCorrupt }: StorageOptions): SwapJournal {
  const place = (deployment: string): string => join(folder, `${deployment}.json`);
  // No deployment's name begins with a dot.
  const reserve = new DiskReserve(join(folder, ".reserve"));
  return {
    read: async (deployment) => {
      const file = place(deployment);
      return taken(file, await readDurably(file, (bytes) => parseJson(SwapRecord, bytes)), onCorrupt);
    },
    write: async (deployment, record) => {
      const write = (): Promise<void> => store(place(deployment), record === null ? null : JSON.stringify(record));
      try {
        await write();
        await reserve.keep();
      } catch (error) {
        if (isBeginning(record) || !isOfFullDisk(error) || !(await reserve.release())) throw error;
        await write();
      }
    },
    hasReserve: () => reserve.isKept(),
    release: () => reserve.release(),
  };
}

/** On a full disk no trial is begun; the reserve is for its end. */
function isBeginning(record: SwapRecord | null): boolean {
  const trial = record?.trial ?? null;
  return trial !== null && trial.failure === null && trial.setback === null && trial.deviceFailures === 0;
}

function isOfFullDisk(error: unknown): boolean {
  const cause = error instanceof StorageError ? error.cause : null;
  return cause instanceof Error && "code" in cause && (cause.code === "ENOSPC" || cause.code === "EDQUOT");
}
