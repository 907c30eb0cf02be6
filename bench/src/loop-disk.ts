// Gives a measurement a disk of its own: an ext4 file system in a file. The kernel counts what
// reaches it, whoever wrote it, with the file system's own journal.

import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { makeTempFolder, run } from "@iot/testkit";

const SIZE = "4G";
const SECTOR_BYTES = 512;

export interface LoopDisk extends AsyncDisposable {
  readonly path: string;
  /** Bytes written since the mount. Data that is still in memory is not counted. */
  writtenBytes(): Promise<number>;
}

export async function mountLoopDisk(): Promise<LoopDisk> {
  await using stack = new AsyncDisposableStack();
  const folder = await makeTempFolder("disk");
  stack.defer(() => folder.remove());
  const image = join(folder.path, "disk.ext4");
  await run(["truncate", `--size=${SIZE}`, image]);
  await run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image]);
  const path = (await makeTempFolder("d")).path;
  await run(["mount", "-o", "loop", image, path]);
  stack.defer(async () => void (await run(["sh", "-c", 'umount --lazy "$0" && rmdir "$0"', path])));
  const device = (await run(["findmnt", "--noheadings", "--output=SOURCE", path])).stdout.trim();
  const kept = stack.move();
  return {
    path,
    writtenBytes: async () => {
      const fields = (await readFile(`/sys/block/${basename(device)}/stat`, "utf8")).trim().split(/\s+/);
      return Number(fields[6]) * SECTOR_BYTES;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
