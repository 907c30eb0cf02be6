// The disk of an emulated device, and the state in which a power cut leaves it. While the device
// runs, qemu writes into an overlay and, beside it, into a log of every write and flush. After a
// cut the disk is made from the log: writes before the last flush are there for certain, and a
// seeded part of the later ones is lost, as in the cache of an SD card. After a shutdown all is
// there. The log's format is that of the kernel's dm-log-writes, read in write-log.ts.

import { open, rm, stat } from "node:fs/promises";
import { constants } from "node:fs";
import { join } from "node:path";
import { run } from "@iot/testkit";
import type { Random } from "./random.ts";
import { readWriteLog, survivors, untilTheCut } from "./write-log.ts";

export interface Disk {
  /** The raw image. Nobody writes to it while a device runs on it. */
  readonly path: string;
  mount(): Promise<MountedDisk>;
}

export interface MountedDisk {
  /**
   * Allows cuts from here on: everything written so far was seen to be there, and no cut falls
   * before it.
   */
  mark(): Promise<void>;
  /** Arguments for qemu's -blockdev; the last one's node is `disk`. */
  readonly blockdevs: readonly string[];
  /**
   * Runs after the end of qemu: brings the disk to the state in which a cut left it. `keep` is the
   * share of unflushed writes that survive; with 1 the disk is as qemu left it.
   */
  settle(keep: number, random: Random): Promise<SettledDisk>;
}

export interface SettledDisk {
  readonly writes: number;
  readonly flushes: number;
  /** The number of writes after the last flush, and how many of them were lost. */
  readonly unflushed: number;
  readonly lost: number;
}

/** Makes a disk in that folder, as a copy of an image. */
export async function copyDisk(image: string, folder: string): Promise<Disk> {
  const path = join(folder, "disk.raw");
  await run(["cp", "--sparse=always", image, path]);
  return diskAt(path, folder);
}

export function diskAt(path: string, folder: string): Disk {
  return {
    path,
    mount: async () => {
      const overlay = join(folder, "overlay.qcow2");
      const log = join(folder, "writes.log");
      await rm(log, { force: true });
      await (await open(log, constants.O_CREAT | constants.O_WRONLY)).close();
      await run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", path, "-F", "raw", overlay]);
      let markedBytes = 0;
      return {
        mark: async () => void (markedBytes = (await stat(log)).size),
        blockdevs: [
          JSON.stringify({ driver: "qcow2", "node-name": "overlay", file: { driver: "file", filename: overlay } }),
          JSON.stringify({ driver: "file", "node-name": "log", filename: log }),
          JSON.stringify({ driver: "blklogwrites", "node-name": "disk", file: "overlay", log: "log" }),
        ],
        settle: async (keep, random) => {
          const settled = await replay({ log, markedBytes, onto: path, keep, random });
          await rm(overlay);
          await rm(log);
          return settled;
        },
      };
    },
  };
}

async function replay(options: { log: string; markedBytes: number; onto: string; keep: number; random: Random }): Promise<SettledDisk> {
  const { log, markedBytes, onto, keep, random } = options;
  const whole = await readWriteLog(log);
  const entries = keep === 1 ? whole : untilTheCut(whole, markedBytes, random);
  const { kept, unflushed } = survivors(entries, keep, random);
  await using from = await open(log, "r");
  await using to = await open(onto, "r+");
  let buffer = Buffer.alloc(1 << 20);
  for (const { offsetBytes, lengthBytes, dataAtBytes, kind } of kept) {
    if (buffer.length < lengthBytes) buffer = Buffer.alloc(lengthBytes);
    if (kind === "discard") continue;
    await from.read(buffer, 0, lengthBytes, dataAtBytes);
    await to.write(buffer, 0, lengthBytes, offsetBytes);
  }
  const writes = entries.filter(({ kind }) => kind !== "flush").length;
  return { writes, flushes: entries.length - writes, unflushed, lost: writes - kept.length };
}
