import type { WorkloadReport } from "@harmony/core";
import { asDeploymentName } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import { whyItStays } from "../desired/sentences.ts";
import { withNotNamed, withWrong } from "./worker-report.ts";

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
  ] as const)("%s", (_, running, expected) => {
    expect(withWrong(running, wrong)).toMatchObject(expected);
  });
});

describe("what no manifest names", () => {
  const name = asDeploymentName("web");
  const why = "no manifest names it any more, and none says that it was deleted: it stays; `iot-agent clean web` removes it";
  test.each([
    ["and runs", report, { phase: "Running", reason: "NotNamed", message: `running nginx:1; ${why}` }],
    ["and has ended well", { ...report, reason: "Completed" }, { phase: "Running", reason: "NotNamed" }],
    [
      "and is held",
      { ...report, phase: "Held", reason: "Held", message: "held" },
      { phase: "Held", reason: "Held", message: `held; ${why}` },
    ],
    ["and crashes", { ...report, phase: "Degraded", reason: "CrashLoop" }, { phase: "Degraded", reason: "CrashLoop" }],
    ["and waits", { ...report, phase: "Pending", reason: "Pending" }, { phase: "Pending", reason: "NotNamed" }],
  ] as const)("%s", (_, running, expected) => {
    expect(withNotNamed(running, whyItStays({ name, was: undefined }))).toMatchObject(expected);
  });

  test("since the device had another id", () => {
    expect(whyItStays({ name, was: "pi-0" })).toBe(
      "it was pi-0's, as this device was called before: it stays until a manifest names it; `iot-agent clean web` removes it",
    );
  });
});
