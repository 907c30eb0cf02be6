// The targets that the agent is built for, by their names in Node, Debian, uname and the cross
// tools.

export interface BuildTarget {
  readonly node: "x64" | "arm64";
  readonly debian: "amd64" | "arm64";
  readonly machine: "x86_64" | "aarch64";
  /** The name in its binutils where it is foreign, and of the folder of its C library. */
  readonly triplet: string;
  /** Runs its programs where they are foreign. */
  readonly qemu: string;
}

export const TARGETS: readonly BuildTarget[] = [
  { node: "x64", debian: "amd64", machine: "x86_64", triplet: "x86_64-linux-gnu", qemu: "qemu-x86_64-static" },
  { node: "arm64", debian: "arm64", machine: "aarch64", triplet: "aarch64-linux-gnu", qemu: "qemu-aarch64-static" },
];

export function isNative(target: BuildTarget): boolean {
  return target.node === process.arch;
}

/**
 * The program of binutils for the target. Debian has those for a foreign target under longer names.
 */
export function binutil(target: BuildTarget, name: "strip" | "readelf"): string {
  return isNative(target) ? name : `${target.triplet}-${name}`;
}

export function hostTarget(): BuildTarget {
  const target = TARGETS.find(isNative);
  if (target === undefined)
    throw new Error(`this machine's processor (${process.arch}) is not one that the agent is built on: x64 and arm64`);
  return target;
}
