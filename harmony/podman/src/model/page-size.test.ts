// What programs were seen to write that are built for pages of another size, as people have
// reported it of a Raspberry Pi 5.

import { expect, test } from "vitest";
import { endedByPageSize } from "./page-size.ts";

const JEMALLOC = "<jemalloc>: Unsupported system page size";

test.each([
  ["rauthy", [JEMALLOC, JEMALLOC, JEMALLOC, "memory allocation of 16 bytes failed"], true],
  [
    "rustfs",
    [
      JEMALLOC,
      JEMALLOC,
      "memory allocation of 8 bytes failed",
      "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    ],
    true,
  ],
  ["mdns-scanner", [JEMALLOC, JEMALLOC, "memory allocation of 24 bytes failed", "Aborted"], true],
  ["a loader", ["error while loading shared libraries: libx.so: ELF load command alignment not page-aligned"], true],
  ["another end", ["memory allocation of 16 bytes failed"], false],
])("%s", (_, lines, isSo) => {
  expect(endedByPageSize(lines)).toBe(isSo);
});
