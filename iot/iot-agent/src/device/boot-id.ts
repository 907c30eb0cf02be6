// The id of this boot of the machine. Each boot has another, after a reboot as after a power cut.

import { readFile } from "node:fs/promises";

/** Empty where the kernel does not say. */
export async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}
