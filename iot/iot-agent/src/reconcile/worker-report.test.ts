import type { WorkloadReport } from "@harmony/core";
import { describe, expect, test } from "vitest";
import { withWrong } from "./worker-report.ts";

const report: WorkloadReport = {
  phase: "Running",
  reason: "Running",
  message: "running nginx:1",
  runningRevision: "7 of git",
  services: [{ name: "web", phase: "Running", image: "nginx:1" }],
  recheckAfterMs: null,
  settled: true,
};

describe("a Score that is not applied", () => {
  const wrong = { phase: "Rejected", reason: "InvalidScore", message: "image: is missing" } as const;
  test.each([
    ["beside what runs", report, { ...wrong, message: "image: is missing; what runs stays", runningRevision: "7 of git" }],
    ["with nothing that runs", { ...report, runningRevision: null }, { ...wrong, runningRevision: null }],
    [
      "of what is held",
      { ...report, phase: "Held", reason: "Held", message: "held until 12:00", runningRevision: null },
      { phase: "Held", reason: "Held", message: "held until 12:00; image: is missing" },
    ],
  ] as const)("%s", (_, running, told) => {
    expect(withWrong(running, wrong)).toMatchObject(told);
  });
});
