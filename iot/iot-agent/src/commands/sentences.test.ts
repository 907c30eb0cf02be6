import { expect, test } from "vitest";
import { renderExplanation } from "./explain.ts";
import { parseDuration } from "./hold.ts";
import { renderStatus } from "./status.ts";
import { membersOf } from "./machine/accounts.ts";
import { notPermittedSentence } from "./agent/why-not-permitted.ts";
import { parseUnitState, sentenceOf } from "./agent/why-not-running.ts";

test.each([
  [
    "stopped",
    "LoadState=loaded\nActiveState=inactive\nSubState=dead\nStatusText=\nExecMainStatus=0\n",
    "(inactive): sudo systemctl start iot-agent",
  ],
  [
    "wrongly configured",
    "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nStatusText=config.toml: a=b is wrong\nExecMainStatus=78\n",
    "because its configuration is wrong: config.toml: a=b is wrong; it is started again when that is put right",
  ],
  ["not installed", "LoadState=not-found\nActiveState=inactive\n", "install the package again"],
  [
    "deaf",
    "LoadState=loaded\nActiveState=active\nSubState=running\nStatusText=connected\nExecMainStatus=0\n",
    "sudo systemctl restart iot-agent",
  ],
  ["starting", "LoadState=loaded\nActiveState=activating\nSubState=start\nExecMainStatus=0\n", "being started (start)"],
])("an agent that is %s", (_, shown, part) => {
  expect(sentenceOf(parseUnitState(shown), "/etc/iot-agent/config.toml")).toContain(part);
});

test.each([
  ["Running", "Planned:\n  nothing: all is as it should be"],
  ["Rejected", "Planned:\n  nothing now"],
] as const)("an empty plan of what is %s", (phase, text) => {
  const report = { phase, reason: phase, message: "so", since: "", desiredRevision: 1, runningRevision: null, services: [] };
  const answer = { device: "pi-1", deployment: "hello", report, observed: [], planned: [], blocked: [] };
  expect(renderExplanation(answer, { width: 100, nowMs: 0 })).toContain(text);
});

test("status says of what runs why no manifest names it, and nothing else of what runs", () => {
  const since = "2026-01-01T00:00:00Z";
  const report = {
    phase: "Running",
    message: "running x:1; it stays",
    since,
    desiredRevision: 1,
    runningRevision: 1,
  } as const;
  const shown = renderStatus(
    {
      device: "pi-1",
      agentVersion: "0.2.0",
      reportedAt: since,
      manifestRevision: 1,
      connection: { state: "connected", server: "n", reason: null, message: "connected", since },
      deployments: {
        a: { ...report, reason: "Running", services: [] },
        b: { ...report, reason: "NotNamed", desiredRevision: null, services: [] },
      },
    },
    { width: 100, nowMs: Date.parse(since) },
  );
  expect(shown).toMatch(/^a +Running +0 s\nb +Running +0 s\n {4}running x:1; it stays$/m);
});

test("what ended well is Completed, not Running", () => {
  const since = "2026-01-01T00:00:00Z";
  const report = {
    phase: "Running",
    reason: "Completed",
    message: "completed x:1",
    since,
    desiredRevision: 1,
    runningRevision: null,
    services: [],
  };
  const connection = { state: "connected", server: "n", reason: null, message: "connected", since } as const;
  const status = { device: "pi-1", agentVersion: "1", reportedAt: since, manifestRevision: 1, connection, deployments: { job: report } };
  expect(renderStatus(status, { width: 100, nowMs: Date.parse(since) })).toMatch(/^job +Completed +0 s$/m);
  const answer = { device: "pi-1", deployment: "job", report, observed: [], planned: [], blocked: [] };
  expect(renderExplanation(answer, { width: 100, nowMs: Date.parse(since) })).toMatch(
    /^job on pi-1 is Completed since 202\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\S* /,
  );
});

test("the stages of a plan are shown if they are asked for", () => {
  const report = { phase: "Running", reason: "", message: "so", since: "", desiredRevision: 1, runningRevision: 1, services: [] } as const;
  const answer = { device: "pi-1", deployment: "hello", report: { ...report, services: [] }, observed: [], planned: [], blocked: [] };
  const stages = [
    { name: "start-services", outcome: "acted", why: "a container is down" },
    { name: "pull-images", outcome: "stoodBack", why: "no image is to be pulled" },
  ];
  const shown = (of: typeof stages | undefined) =>
    renderExplanation({ ...answer, ...(of === undefined ? {} : { stages: of }) }, { width: 100, nowMs: 0 });
  expect(shown(stages)).toContain(
    "Stages of the planner:\n  start-services  acted: a container is down\n  pull-images     stood back: no image is to be pulled\n",
  );
  expect(shown([])).toContain("Stages of the planner:\n  none:");
  expect(shown(undefined)).not.toContain("Stages");
});

test("who is not in the group, and who was not yet when he logged in", () => {
  const groups = "root:x:0:\niot-agent:x:1000:ana,ben\n";
  const members = membersOf(groups, "iot-agent");
  expect(members).toEqual(["ana", "ben"]);
  expect(notPermittedSentence({ user: "ana", members })).toContain("log in again");
  expect(notPermittedSentence({ user: "eve", members })).toBe(
    "you are not in the group iot-agent: sudo usermod -aG iot-agent eve, then log in again",
  );
});

test.each([
  ["90s", 90],
  ["30m", 1_800],
  ["2h", 7_200],
  ["1.5h", 5_400],
  ["1d", 86_400],
])("%s are %d seconds", (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(["", "2", "h", "-2h", "0s", "2 weeks", "8d"])("%j is no time", (text) => {
  expect(() => parseDuration(text)).toThrow(/no time|longer/);
});
