// Which boot of the machine this is: another after each, be it a reboot or a power cut.

import { readFile } from "node:fs/promises";

/** Empty where the kernel does not tell. */
export async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}
