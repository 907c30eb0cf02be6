// A little of the disk that is kept for the time when a workload has filled it: what has to be
// written then is that a version has failed, and Podman writes too when it starts the one before.
// Made while there is room, given up when there is none, and made again later.

import { rm, stat, writeFile } from "node:fs/promises";

/** Podman's database writes some pages of it, and them again in its journal. */
const RESERVE_BYTES = 1 << 20;

export class DiskReserve {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  async isKept(): Promise<boolean> {
    return (await stat(this.#file).catch(() => null))?.size === RESERVE_BYTES;
  }

  /** Takes it, if there is room. Its folder is there. */
  async keep(): Promise<void> {
    if (await this.isKept()) return;
    try {
      // Written, since a hole in a file takes no room.
      await writeFile(this.#file, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
    } catch {
      await this.release();
    }
  }

  /** Gives it up; whether there was any. */
  async release(): Promise<boolean> {
    return rm(this.#file).then(
      () => true,
      () => false,
    );
  }
}
