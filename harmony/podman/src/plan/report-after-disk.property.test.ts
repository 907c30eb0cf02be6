// A report comes after what is on disk: once a deployment is reported to run, or to keep ending, a
// boot without the agent starts its container.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { container, desired, NOW_MS, snapshot, version } from "../../test/scene.ts";
import type { Container } from "../model/snapshot.ts";
import { report } from "../report/report.ts";
import { plan } from "./planner.ts";

const score = { services: [{ name: "web", image: "x:1" }] };

const seenOnce = fc.record({
  state: fc.constantFrom<Container["state"]>("created", "running", "exited", "paused", "stopping"),
  stoppedByUser: fc.boolean(),
  exitCode: fc.constantFrom(0, 4),
  endedMs: fc.constantFrom(500, 60_000),
  restarts: fc.constantFrom(0, 9),
  recentRestarts: fc.constantFrom(0, 9),
  crash: fc.option(fc.constantFrom(-1_000, 9_000), { freq: 2 }),
  isListed: fc.boolean(),
  isGood: fc.boolean(),
});

test("what runs or keeps ending is on the start list before it is reported", () => {
  const reported = { Running: 0, CrashLoop: 0 };
  fc.assert(
    fc.property(seenOnce, ({ endedMs, crash, isListed, isGood, ...more }) => {
      const exitedAtMs = more.state === "exited" ? NOW_MS - endedMs : null;
      const web = container("web", score, { ...more, startedAtMs: NOW_MS - endedMs - 2_000, exitedAtMs });
      const startAt = new Date(NOW_MS + (crash ?? 0)).toISOString();
      const crashes = crash === null ? {} : { web: { count: 1, startAt, exitCode: 4, lastLine: "" } };
      const record = { crashes, good: isGood ? version(score) : null };
      const seen = snapshot({ record, containers: [web], startList: isListed ? ["app_web"] : [] });
      const want = desired(score);
      const planned = plan(want, seen);
      if (planned.steps.length > 0) return;
      const { phase, reason } = report({ desired: want, snapshot: seen, plan: planned, outcomes: [], doing: null });
      if (phase === "Running") reported.Running += 1;
      else if (reason === "CrashLoop") reported.CrashLoop += 1;
      else return;
      expect(seen.startList).toEqual(["app_web"]);
    }),
    { numRuns: 3_000 },
  );
  expect(reported.Running).toBeGreaterThan(0);
  expect(reported.CrashLoop).toBeGreaterThan(0);
});
