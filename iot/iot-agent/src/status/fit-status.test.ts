import type { DeploymentReport, DeviceStatus } from "@iot/contracts";
import { readStatus } from "@iot/contracts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fitStatus, STATUS_BYTES } from "./fit-status.ts";

const [since, now] = ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"];

interface Shape {
  readonly deployments: number;
  readonly messageCharacters: number;
  readonly services?: number;
  readonly problem?: string;
}

function statusOf({ deployments, messageCharacters, services = 0, problem }: Shape): DeviceStatus {
  const report = (index: number): DeploymentReport => ({
    phase: "Failed",
    reason: "PullFailed",
    message: "é".repeat(messageCharacters),
    since,
    desiredRevision: index,
    runningRevision: index - 1,
    source: "git:test",
    generation: 3,
    services: Array.from({ length: services }, (_, at) => ({ name: `web-${at}`, phase: "Failed", image: "x".repeat(100), restarts: 9 })),
  });
  return {
    device: "pi-1",
    agentVersion: "1",
    reportedAt: now,
    manifestRevision: 1,
    ...(problem === undefined ? {} : { problem: { reason: "InvalidManifest", message: problem, since } }),
    deployments: Object.fromEntries(Array.from({ length: deployments }, (_, index) => [`app-${index}`, report(index)])),
  };
}
const bytesOf = (status: DeviceStatus): number => Buffer.byteLength(JSON.stringify(status));
/** The part that is left: characters of a message, and fields of a service. */
const leftOf = ({ deployments, problem }: DeviceStatus) => {
  const { message, services } = deployments["app-0"] ?? { message: "", services: [] };
  return { characters: message.length, services: services.length, fields: Object.keys(services[0] ?? {}).length, reason: problem?.reason };
};

test("what fits is reported whole", () => {
  const status = statusOf({ deployments: 20, messageCharacters: 1_200, services: 2 });
  expect(fitStatus(status, null)).toEqual({ status, cutSince: null });
  expect(fitStatus(status, since).cutSince).toBeNull();
});

const StatusTooLarge = "StatusTooLarge";
describe("what does not", () => {
  test.each([
    [
      "one message of 250 KB",
      { deployments: 1, messageCharacters: 250_000 },
      { characters: 1_024, services: 0, fields: 0, reason: StatusTooLarge },
    ],
    [
      "many long messages",
      { deployments: 100, messageCharacters: 900 },
      { characters: 64, services: 0, fields: 0, reason: StatusTooLarge },
    ],
    [
      "messages of some length",
      { deployments: 60, messageCharacters: 900 },
      { characters: 256, services: 0, fields: 0, reason: StatusTooLarge },
    ],
    [
      "many services",
      { deployments: 100, messageCharacters: 10, services: 5 },
      { characters: 10, services: 5, fields: 2, reason: StatusTooLarge },
    ],
    [
      "services without end",
      { deployments: 100, messageCharacters: 10, services: 50 },
      { characters: 0, services: 0, fields: 0, reason: StatusTooLarge },
    ],
    [
      "beside a problem, which is the worse",
      { deployments: 1, messageCharacters: 250_000, problem: "x".repeat(100_000) },
      { characters: 1_024, services: 0, fields: 0, reason: "InvalidManifest" },
    ],
    [
      "200 deployments",
      { deployments: 200, messageCharacters: 900, services: 3 },
      { characters: 0, services: 0, fields: 0, reason: StatusTooLarge },
    ],
  ])("%s", (_what, shape, left) => {
    const { status, cutSince } = fitStatus(statusOf(shape), null);
    expect(bytesOf(status)).toBeLessThanOrEqual(STATUS_BYTES);
    expect(leftOf(status)).toEqual(left);
    expect(cutSince).toBe(now);
  });

  test("is reported with the time since when", () => {
    const { status } = fitStatus(statusOf({ deployments: 1, messageCharacters: 250_000 }), since);
    expect(status.problem).toMatchObject({
      since,
      message:
        "what it has to say takes 489 KiB, more than the 63 KiB that fit, so words and services are left out: " +
        "see `iot-agent status` on the device, which has them all",
    });
  });
});

test("whatever a device has to say, it is heard, with the phase and revisions of every deployment", () => {
  const shape = fc.record({ deployments: fc.nat(200), messageCharacters: fc.nat(2_000), services: fc.nat(20) });
  fc.assert(
    fc.property(shape, (of) => {
      const whole = statusOf(of);
      const read = readStatus(new TextEncoder().encode(JSON.stringify(fitStatus(whole, null).status)));
      expect(read).toMatchObject({ ok: true });
      const facts = (status: DeviceStatus) =>
        Object.entries(status.deployments).map(([name, { phase, reason, desiredRevision, runningRevision, source }]) => [
          name,
          phase,
          reason,
          desiredRevision,
          runningRevision,
          source,
        ]);
      if (read.ok) expect(facts(read.value)).toEqual(facts(whole));
    }),
    { numRuns: 30 },
  );
});

interface Mix {
  readonly nameCharacters?: number;
  readonly failed?: number;
  readonly pulling?: number;
  readonly removing?: number;
}

describe("1,000 deployments on one device", () => {
  const of = ({ nameCharacters = 0, failed = 0, pulling = 0, removing = 0 }: Mix): DeviceStatus => {
    const { deployments, ...status } = statusOf({ deployments: 1_000, messageCharacters: 100, services: 1 });
    const as = (report: DeploymentReport, at: number): DeploymentReport => {
      if (at < failed) return report;
      if (at < failed + pulling) return { ...report, phase: "Pulling" };
      if (at < failed + pulling + removing) return { ...report, phase: "Removing", desiredRevision: null };
      return { ...report, phase: "Running", runningRevision: report.desiredRevision };
    };
    const reports = Object.entries(deployments).map(
      ([name, report], index) => [name.padEnd(nameCharacters, "x"), as(report, 999 - index)] as const,
    );
    return { ...status, deployments: Object.fromEntries(reports) };
  };
  const heard = (status: DeviceStatus): Record<string, number> => {
    const fitted = fitStatus(status, null).status;
    expect(bytesOf(fitted)).toBeLessThanOrEqual(STATUS_BYTES);
    const read = readStatus(new TextEncoder().encode(JSON.stringify(fitted)));
    if (!read.ok) throw new Error("it is not read");
    for (const [name, report] of Object.entries(read.value.deployments)) {
      const { phase, desiredRevision, runningRevision } = status.deployments[name] ?? {};
      expect(report).toMatchObject({ phase, desiredRevision, runningRevision });
    }
    const counts = Object.groupBy(Object.values(read.value.deployments), ({ phase }) => phase);
    return Object.fromEntries(Object.entries(counts).map(([phase, reports = []]) => [phase, reports.length]));
  };

  test.each([
    ["all run: each is named", {}, { Running: 1_000 }],
    ["some failed: these with their words", { failed: 50 }, { Failed: 50, Running: 950 }],
    ["what it removes is named, whatever else there is no room for", { removing: 200, failed: 700 }, { Removing: 200, Failed: 130 }],
    ["what failed goes before what is under way, and that before what runs", { failed: 200, pulling: 500 }, { Failed: 200, Pulling: 133 }],
  ])("%s", (_what, phases, told) => {
    expect(heard(of(phases))).toEqual(told);
  });

  test("with names of 63 letters: as many as fit, and how many more", () => {
    const status = of({ nameCharacters: 63, failed: 10 });
    const { Failed = 0, Running = 0 } = heard(status);
    expect([Failed, Running > 700]).toEqual([10, true]);
    expect(fitStatus(status, null).status.problem?.message).toContain(`; and ${990 - Running} more deployments are not named`);
  });

  test("words of what failed are kept where what runs is only named", () => {
    const { status } = fitStatus(of({ failed: 50 }), null);
    expect(Object.values(status.deployments).map(({ message }) => message.length)).toEqual(Array.from({ length: 50 }, () => 100));
  });
});
