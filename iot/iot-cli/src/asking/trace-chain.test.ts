import { asDeviceId, type Trace } from "@iot/contracts";
import type { ToldTransition } from "@iot/messaging";
import { describe, expect, test } from "vitest";
import { chainOf, newestOfEach, percentile } from "./trace-chain.ts";
import { renderChain, renderFleet } from "./trace-command.ts";

const T0 = Date.parse("2026-01-01T11:10:16.000Z");
const at = (ms: number): string => new Date(T0 + ms).toISOString();

function told(
  trace: Trace | undefined,
  more: { device?: string; atMs?: number; phase?: string; reason?: string; commit?: string } = {},
): ToldTransition {
  const { device = "pi-1", atMs = 6_400, phase = "Running", reason = phase, ...rest } = more;
  const event = { n: 1, at: "", deployment: "hello-world", phase, reason, message: "", revision: 42, generation: 7, ...rest };
  return {
    device: asDeviceId(device),
    sequence: 1,
    atMs: T0 + atMs,
    receivedAtMs: T0 + atMs + 50,
    isEstimated: false,
    event: { ...event, trace },
  };
}
const STEPS: Trace = {
  readMs: 10,
  pulledMs: 4_900,
  createdMs: 4_950,
  startedMs: 5_100,
  healthyMs: 5_800,
  endedMs: 5_800,
  bytesPulled: 12_300_000,
};
const shown = (transition: ToldTransition): string => {
  const chain = chainOf(transition);
  return chain === null ? "none" : renderChain(chain).replace(/\d{4}-.*$/m, "TIME");
};

test("from git: the commit is the first, and the longest step is marked", () => {
  expect(shown(told({ ...STEPS, committedAt: at(0), observedAt: at(400), writtenAt: at(600) }, { commit: "8f3c2abf00d1234" }))).toBe(
    `hello-world on pi-1, revision 42, healthy 6.4 s after the push
  commit    8f3c2abf00  TIME
  revision  42 written  + 0.6 s
  received  by pi-1     + 0.0 s
  read                  + 0.0 s
  pulled    12 MB       + 4.9 s   ◀ longest
  created               + 0.1 s
  started               + 0.1 s
  healthy               + 0.7 s
`,
  );
});

test("from a cluster the resource is the first; what is not known is left out", () => {
  expect(shown(told({ observedAt: at(500), writtenAt: at(600), readMs: 10, startedMs: 20, healthyMs: 5_800, endedMs: 5_800 }))).toBe(
    `hello-world on pi-1, revision 42, healthy 5.9 s after the change
  resource  generation 7  TIME
  revision  42 written    + 0.1 s
  received  by pi-1       + 0.0 s
  read                    + 0.0 s
  started                 + 0.0 s
  healthy                 + 5.8 s   ◀ longest
`,
  );
});

test("a trouble on the way is its end", () => {
  expect(shown(told({ writtenAt: at(600), readMs: 10, endedMs: 5_800 }, { phase: "Blocked", reason: "ImageNotFound" }))).toContain(
    "revision 42, not healthy (ImageNotFound) 5.8 s after the change\n",
  );
  expect(shown(told(undefined))).toBe("none");
  expect(shown(told({ writtenAt: "no time" }))).toBe("none");
});

test("a clock of who committed that is ahead is shown as it is, and is never the longest", () => {
  const text = shown(told({ ...STEPS, committedAt: at(60_000), writtenAt: at(600) }));
  expect(text).toContain("revision  42 written  - 59.4 s\n");
  expect(text).toContain("◀ longest");
});

describe("of a fleet", () => {
  test("the median, the 95th percentile, the slowest five, and the newest of each device", () => {
    const chains = Array.from({ length: 20 }, (_, index) => {
      const took = 1_000 * (index + 1);
      return chainOf(told({ writtenAt: at(0), healthyMs: took, endedMs: took }, { device: `pi-${index + 1}`, atMs: took }));
    }).filter((chain) => chain !== null);
    const again = chainOf(told({ writtenAt: at(0), healthyMs: 2_000, endedMs: 2_000 }, { device: "pi-1", atMs: 2_000 }));
    expect(newestOfEach([...chains, ...(again === null ? [] : [again])])).toHaveLength(20);
    expect(renderFleet(chains)).toBe(
      `hello-world: 20 devices healthy
p50 10.0 s   p95 19.0 s
DEVICE  REVISION  TOOK    LONGEST
pi-20   42        20.0 s  healthy 20.0 s
pi-19   42        19.0 s  healthy 19.0 s
pi-18   42        18.0 s  healthy 18.0 s
pi-17   42        17.0 s  healthy 17.0 s
pi-16   42        16.0 s  healthy 16.0 s
`,
    );
  });

  test.each([
    [[5], 0.5, 5],
    [[5], 0.95, 5],
    [[1, 2], 0.5, 1],
    [[3, 1, 2], 0.5, 2],
    [[1, 2, 3, 4], 0.95, 4],
  ])("of %j below %d", (numbers, part, expected) => {
    expect(percentile(numbers, part)).toBe(expected);
  });
});
