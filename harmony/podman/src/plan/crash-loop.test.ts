// A container that keeps ending and has nothing older to go back to gets time between its tries,
// and is never given up.

import { expect, test } from "vitest";
import { testTable } from "../../test/planner-table.ts";
import { container, NOW_MS, proved } from "../../test/scene.ts";
import { crashNeed } from "./crash-loop.ts";
import { RestartMeter } from "../observe/restart-meter.ts";
import type { Container } from "../model/snapshot.ts";

const v1 = { services: [{ name: "web", image: "x:1" }] };
const polite = { services: [{ name: "web", image: "x:1", restart: "unless-stopped" }] };
const crash = (inMs: number, count = 2) => ({
  crashes: { web: { count, startAt: new Date(NOW_MS + inMs).toISOString(), exitCode: 1, lastLine: "" } },
});
const ending = { restarts: 9, startedAtMs: NOW_MS - 1_000 };
const stopped: Partial<Container> = { state: "exited", stoppedByUser: true, exitCode: 143 };
/** Podman may start it again by itself. */
const justEnded: Partial<Container> = { state: "exited", exitCode: 1, exitedAtMs: NOW_MS - 1_000 };

testTable({
  "what keeps ending": [
    {
      name: "is left to Podman at first",
      want: v1,
      have: { ...proved(v1), containers: [container("web", v1, { ...ending, recentRestarts: 4 })] },
      steps: [],
    },
    {
      name: "is stopped, and when it is started again is recorded before",
      want: v1,
      have: { ...proved(v1), containers: [container("web", v1, { ...ending, recentRestarts: 5 })] },
      steps: ["journal: a service keeps ending", "stop app_web 300s"],
    },
    {
      name: "also a first version, which was never good",
      want: v1,
      have: { startList: ["app_web"], containers: [container("web", v1, { ...ending, recentRestarts: 5 })] },
      steps: ["journal: a service keeps ending", "stop app_web 300s"],
    },
    { name: "waits for its time", want: v1, have: { ...proved(v1, crash(1_000)), containers: [container("web", v1, stopped)] }, steps: [] },
    {
      name: "and has just ended by itself before it was stopped is on the start list before it is reported",
      want: v1,
      have: { record: crash(9_000), startList: [], containers: [container("web", v1, justEnded)] },
      steps: ["start list: app_web"],
    },
    {
      name: "and is on the start list waits for Podman",
      want: v1,
      have: { record: crash(9_000), startList: ["app_web"], containers: [container("web", v1, justEnded)] },
      steps: [],
    },
    {
      name: "is started then, also where a stop by hand would be respected",
      want: polite,
      have: { ...proved(polite, crash(-1)), containers: [container("web", polite, stopped)] },
      steps: ["start app_web"],
    },
    {
      name: "is started when the clock was set back by years",
      want: v1,
      have: { ...proved(v1, crash(10 ** 11)), containers: [container("web", v1, stopped)] },
      steps: ["start app_web"],
    },
    {
      name: "and has ended once more is given longer",
      want: v1,
      have: { ...proved(v1, crash(-1)), containers: [container("web", v1, { restarts: 1, startedAtMs: NOW_MS - 1_000 })] },
      steps: ["journal: a service keeps ending", "stop app_web 300s"],
    },
    {
      name: "is stopped without another count after a crash before the stop",
      want: v1,
      have: { ...proved(v1, crash(9_000)), containers: [container("web", v1, ending)] },
      steps: ["stop app_web 300s"],
    },
    {
      name: "has recovered when it has stayed up",
      want: v1,
      have: { ...proved(v1, crash(-100_000)), containers: [container("web", v1)] },
      steps: ["journal: a service has recovered"],
    },
  ],
});

test("the time between two tries grows to five minutes and stays there", () => {
  const waits = Array.from({ length: 8 }, (_, count) => {
    const before = count === 0 ? undefined : { count, startAt: new Date(0).toISOString(), exitCode: 1, lastLine: "" };
    const need = crashNeed(container("web", v1, { ...ending, recentRestarts: 5 }), before, NOW_MS);
    return need.kind === "stop" && need.crash !== null ? (Date.parse(need.crash.startAt) - NOW_MS) / 1_000 : null;
  });
  expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
});

test("restarts are counted within the last minutes, from the first look on", () => {
  const meter = new RestartMeter();
  const look = (restarts: number, afterS: number) => meter.note(container("web", v1, { restarts }), NOW_MS + afterS * 1_000);
  expect([look(7, 0), look(9, 10), look(12, 20)]).toEqual([0, 2, 5]);
  // A call started it, so Podman counts anew.
  expect([look(0, 30), look(1, 40), look(4, 50)]).toEqual([0, 0, 3]);
  expect([look(5, 1_000), look(6, 1_001)]).toEqual([0, 1]);
});
