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
