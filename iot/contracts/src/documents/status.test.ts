import { parse, parseJson } from "@harmony/schema";
import { expect, test } from "vitest";
import { DeviceStatus } from "./status.ts";

const report = {
  phase: "Running",
  reason: "Running",
  message: "running x:1",
  since: "2026-01-01T00:00:00Z",
  desiredRevision: 3,
  runningRevision: 3,
  services: [{ name: "web", phase: "Running" }],
};
const status = (deployments: Readonly<Record<string, unknown>>) => ({
  device: "pi-1",
  agentVersion: "9",
  reportedAt: "2026-01-01T00:00:00Z",
  manifestRevision: 1,
  deployments,
});

test.each([
  ["a map without its fields", { ...report, reason: undefined }, "(reason is wrong or missing)"],
  ["a phase that is no text", { ...report, phase: 7 }, "(phase is wrong"],
  ["a service that is none", { ...report, services: [{ name: 1 }] }, "(services.0.name is wrong"],
  ["a number", 7, "(it is wrong"],
  ["nothing", null, "(it is wrong"],
])("%s in the place of one report is unreadable, and the others are read", (_, said, why) => {
  const parsed = parse(DeviceStatus, status({ bad: said, good: report }));
  expect(parsed).toMatchObject({
    ok: true,
    value: { deployments: { good: report, bad: { phase: "Unreadable", reason: "InvalidReport", desiredRevision: null, services: [] } } },
  });
  const message = parsed.ok ? parsed.value.deployments["bad"]?.message : "";
  expect(message).toContain("what the device says of it cannot be read (");
  expect(message).toContain(why);
});

test("names that every object has are names of deployments like others", () => {
  const parsed = parseJson(
    DeviceStatus,
    JSON.stringify(status({ good: report })).replace('"good":', '"__proto__":7,"constructor":7,"good":'),
  );
  expect(parsed.ok && Object.entries(parsed.value.deployments).map(([name, { phase }]) => [name, phase])).toEqual([
    ["constructor", "Unreadable"],
    ["good", "Running"],
  ]);
});

test("what is not a report is still refused: a status of another shape, a name that names no deployment", () => {
  expect(parse(DeviceStatus, { ...status({}), agentVersion: 1 })).toMatchObject({ ok: false });
  expect(parse(DeviceStatus, status({ "No.Name": report }))).toMatchObject({ ok: false });
});
