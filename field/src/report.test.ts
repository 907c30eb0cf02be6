import { expect, test } from "vitest";
import type { CutRecord, Run } from "./record.ts";
import { percentile, report } from "./report.ts";

const RUN: Run = {
  seed: 7,
  architecture: "amd64",
  versions: { qemu: "7.2" },
  machine: "2 cores",
  startedAt: "2026-11-23T00:00:00.000Z",
};

const cut = (change: Partial<CutRecord>): CutRecord => ({
  number: 1,
  agent: "iot-agent_1_amd64.deb",
  phase: "swap",
  delayMs: 1500,
  begun: true,
  disk: { keep: 0, writes: 10, flushes: 2, unflushed: 3, lost: 3 },
  loginMs: 20_000,
  answeredMs: 30_000,
  reconciledMs: 40_000,
  failures: [],
  repairs: [],
  finishedAt: "2026-11-23T00:01:00.000Z",
  ...change,
});

test("the report has a row for each phase, and names every cut that failed or was repaired", () => {
  const text = report([
    {
      run: RUN,
      records: [
        cut({}),
        cut({ number: 2, loginMs: 22_000, repairs: ["the image was damaged"] }),
        cut({ number: 3, phase: "boot", reconciledMs: null, failures: ["it was not reconciled"] }),
      ],
    },
  ]);
  expect(text).toContain("## amd64: 3 cuts, 1 failed, 1 needed a repair");
  expect(text).toContain("| swap | the agent writes the swap's journal | 2 | 0 | 1 | 22 s / 22 s | 30 s / 30 s | 40 s / 40 s |");
  expect(text).toContain("| boot | the power comes on | 1 | 1 | 0 | 20 s / 20 s | 30 s / 30 s | – |");
  expect(text).toContain("- cut 3, boot + 1500 ms (`--only 3`)\n  - it was not reconciled");
  expect(text).toContain("- cut 2, swap + 1500 ms (`--only 2`)\n  - the image was damaged");
  expect(text).toContain("9 such writes were lost");
});

test("a cut that was made again counts once, and is reported as it was before", () => {
  const before = cut({ failures: ["it was not reconciled"], finishedAt: "2026-11-23T00:00:30.000Z" });
  const text = report([{ run: RUN, records: [cut({ agent: "iot-agent_2_amd64.deb" }), before] }]);
  expect(text).toContain("## amd64: 1 cuts, 0 failed, 0 needed a repair; 1 had failed before and were made again");
  expect(text).toContain("- cut 1, swap + 1500 ms (`--only 1`)\n  - iot-agent_1_amd64.deb\n  - it was not reconciled");
});

test("a percentile is one of the values", () => {
  expect(percentile([3, 1, 2], 0.5)).toBe(2);
  expect(percentile([5], 0.99)).toBe(5);
});
