// Which stage decides what: the answer that `iot-agent explain --stages` gives, for each thing that
// a stranger may ask about.

import { expect, test } from "vitest";
import { container, desired, type Have, NOW_MS, proved, snapshot, trial, version } from "../../test/scene.ts";
import { aside, condemned, created, old, running, taken, tried, v1, v2, web } from "../../test/swap-scene.ts";
import { plan } from "./planner.ts";

const good = { ...proved(v1), images: ["x:1", "x:2"] };
const metered = web("x:2", { devices: ["/dev/ttyUSB0"] });
const setback = { service: "web", reason: "PortInUse", why: "held", at: new Date(NOW_MS - 1_000).toISOString(), count: 1 };
const down = { state: "exited", exitCode: 1, exitedAtMs: NOW_MS - 9_000 } as const;

const polite = web("x:1", { restart: "unless-stopped" });
const crash = { count: 1, startAt: new Date(NOW_MS + 9_000).toISOString(), exitCode: 1, lastLine: "" };

interface Row {
  readonly what: string;
  readonly want: unknown;
  readonly have: Have;
  readonly acted: readonly string[];
}

const rows: readonly Row[] = [
  { what: "all is as it should be", want: v1, have: { ...good, containers: [running] }, acted: [] },
  {
    what: "one that is down is started again",
    want: v1,
    have: { ...good, containers: [container("web", v1, down)] },
    acted: ["start-services"],
  },
  { what: "a new version is started", want: v2, have: { ...good, containers: [running] }, acted: ["change-version"] },
  {
    what: "the old one is started while the new image is fetched",
    want: v2,
    have: { ...proved(v1), absent: ["x:2"], containers: [container("web", v1, { state: "created" })] },
    acted: ["revive-current", "pull-images"],
  },
  {
    what: "a version that does not stay up fails",
    want: v2,
    have: { ...tried, containers: [old, taken({ restarts: 1 })] },
    acted: ["judge-trial"],
  },
  {
    what: "the old one is gone back to",
    want: v2,
    have: { ...condemned, containers: [old, taken({ restarts: 1 })] },
    acted: ["change-version"],
  },
  {
    what: "the old one serves until the next try",
    want: v2,
    have: { ...proved(v1, { trial: trial(v2, { setback }) }), containers: [aside, created] },
    acted: ["change-version"],
  },
  {
    what: "the old one serves while a device is missing",
    want: metered,
    have: { ...proved(v1, { trial: trial(metered) }), containers: [old, container("web", metered, { state: "created" })] },
    acted: ["serve-meanwhile", "change-version"],
  },
  {
    what: "a version has proved itself",
    want: v2,
    have: { ...tried, containers: [old, taken()] },
    acted: ["record-proved", "discard-previous"],
  },
  {
    what: "the device went down in a trial",
    want: v2,
    have: { record: { good: version(v1), trial: trial(v2, { bootId: "before" }) }, containers: [old, taken()] },
    acted: ["record-trial"],
  },
  {
    what: "Podman has no room to write down that a version on trial has ended",
    want: v2,
    have: { ...tried, isReserveNeeded: true, containers: [old, taken()] },
    acted: ["make-room-to-record"],
  },
  { what: "it is removed", want: null, have: { ...good, containers: [running] }, acted: ["remove-deployment"] },
];

test.each<[string, Have, string]>([
  ["runs", { containers: [container("web", polite)] }, "app_web runs"],
  ["was stopped by hand", { containers: [container("web", polite, { ...down, stoppedByUser: true })] }, "app_web was stopped by a person"],
  ["was paused", { containers: [container("web", polite, { state: "paused" })] }, "app_web is paused by a person"],
  ["keeps ending", { record: { crashes: { web: crash } }, containers: [container("web", polite, down)] }, "app_web keeps ending"],
  ["has just ended", { containers: [container("web", polite, { ...down, exitedAtMs: NOW_MS - 1_000 })] }, "app_web has just ended"],
  ["is made anew", { images: ["x:2"], containers: [container("web", v2)] }, "no container is as the version says"],
])("why one that %s is not started", (_, have, why) => {
  const { stages } = plan(desired(polite), snapshot({ images: ["x:1"], ...have }));
  expect(stages.find(({ name }) => name === "start-services")?.why).toContain(why);
});

test.each(rows)("$what", ({ want, have, acted }) => {
  const { steps, stages } = plan(desired(want), snapshot(have));
  expect(stages.flatMap(({ name, outcome }) => (outcome === "acted" ? [name] : []))).toEqual(acted);
  expect(steps.length > 0).toBe(acted.length > 0);
  // Each stage is asked once, and says why.
  expect(new Set(stages.map(({ name }) => name)).size).toBe(stages.length);
  expect(stages.filter(({ why }) => why === "")).toEqual([]);
});
