// What a program says that ends because the kernel's pages of memory are of another size than it
// was built for, as on a Raspberry Pi 5, and what would repair it. Pure.

/** jemalloc, and the C library's loader about a program or a library. */
const SAYS = /<jemalloc>: Unsupported system page size|ELF load command (?:alignment|address\/offset) not page-aligned/;

/** `lines`: the last ones of a container that ended badly. */
export function endedByPageSize(lines: readonly string[]): boolean {
  return lines.some((line) => SAYS.test(line));
}

/** A clause for a person; `pageBytes`: the device's; absent: not known. */
export function pageSizeCure(pageBytes?: number): string {
  const size = pageBytes === undefined ? "" : ` (${shownPageSize(pageBytes)})`;
  return (
    `its program is not built for the size of this device's memory pages${size}: use an image that is, ` +
    "or, on a Raspberry Pi 5, put `kernel=kernel8.img` into /boot/firmware/config.txt and reboot, for pages of 4 KiB"
  );
}

export function shownPageSize(bytes: number): string {
  return `${bytes / 1024} KiB`;
}
