// Keeps a little of the disk for the time when a workload has filled it: the journal must then
// record that a version has failed, and Podman writes too when it starts the one before. The
// reserve is made while there is room, released when there is none, and made again later.

import { rm, stat, writeFile } from "node:fs/promises";

/** Podman's database writes some pages for it, and again in its journal. */
const RESERVE_BYTES = 1 << 20;

export class DiskReserve {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  async isKept(): Promise<boolean> {
    return (await stat(this.#file).catch(() => null))?.size === RESERVE_BYTES;
  }

  /** Makes the reserve, if there is room. Its folder exists. */
  async keep(): Promise<void> {
    if (await this.isKept()) return;
    try {
      // The file is written in full, since a hole in a file takes no room.
      await writeFile(this.#file, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
    } catch {
      await this.release();
    }
  }

  /** Releases the reserve; whether there was any. */
  async release(): Promise<boolean> {
    return rm(this.#file).then(
      () => true,
      () => false,
    );
  }
}
