// Finds whether this device runs programs of a processor: its own, the 32-bit ones of the same
// family, and those for which an emulator is registered with the kernel.

import { readFile } from "node:fs/promises";
import { machine as machineOfKernel } from "node:os";

/** By the kernel's name: what it runs, by Go's names, its own first. */
const RUNS: Readonly<Record<string, readonly string[]>> = {
  x86_64: ["amd64", "386"],
  i686: ["386"],
  aarch64: ["arm64", "arm"],
  armv8l: ["arm64", "arm"],
  armv7l: ["arm"],
  armv6l: ["arm"],
};

/** By Go's name: the emulator's. */
const EMULATORS: Readonly<Record<string, string>> = { amd64: "x86_64", "386": "i386", arm64: "aarch64" };

export interface Runs {
  readonly isSo: boolean;
  /** Go's name of the device's own processor, else the kernel's. */
  readonly machine: string;
}

/** `root`: the place of the device's file system. */
export async function runsHere(architecture: string, { root = "", machine = machineOfKernel() } = {}): Promise<Runs> {
  const [own = machine, ...others] = RUNS[machine] ?? [];
  // An image that does not say, and a kernel that this program does not know, are tried.
  if (architecture === "" || own === machine || [own, ...others].includes(architecture)) return { isSo: true, machine: own };
  const emulator = `${root}/proc/sys/fs/binfmt_misc/qemu-${EMULATORS[architecture] ?? architecture}`;
  const registered = await readFile(emulator, "utf8").catch(() => "");
  return { isSo: registered.startsWith("enabled"), machine: own };
}
