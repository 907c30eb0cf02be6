// Makes the image from which the disks of a run are copied: the device's root with the agent
// installed as a person would install it, as an ext4 file system with the journal that mkfs gives
// it. It is made anew for each run, since the agent differs after each commit.

import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeTempFolder, run } from "@iot/testkit";
import type { DeviceRoot } from "./device-root.ts";
import { installAgent } from "./install-agent.ts";

const SIZE = "3G";

export async function makeDeviceDisk(options: { root: DeviceRoot; agent: string; into: string }): Promise<void> {
  const { root, agent, into } = options;
  const folder = await makeTempFolder("field-disk");
  const at = (name: string): string => join(folder.path, name);
  const merged = at("merged");
  for (const name of ["upper", "work", "merged"]) await mkdir(at(name));
  await run(["mount", "-t", "overlay", "field-disk", "-o", `lowerdir=${root.root},upperdir=${at("upper")},workdir=${at("work")}`, merged]);
  try {
    await installAgent(agent, {
      run: async (argv) => (await run(["chroot", merged, ...argv])).stdout,
      copyIn: async (hostPath, path) => {
        await mkdir(dirname(join(merged, path)), { recursive: true });
        await copyFile(hostPath, join(merged, path));
      },
      write: async (path, text) => {
        await mkdir(dirname(join(merged, path)), { recursive: true });
        await writeFile(join(merged, path), text);
      },
    });
    await rm(into, { force: true });
    await run(["truncate", `--size=${SIZE}`, into]);
    await run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", merged, into]);
  } finally {
    await run(["umount", merged]);
    await folder.remove();
  }
}
