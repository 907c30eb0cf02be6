// The planner while a container says that it is at work: what waits, until when, what does not.

import { minuteOfDay } from "@harmony/core";
import { describe, expect, test } from "vitest";
import { testTable } from "../../test/planner-table.ts";
import { container, desired, type Have, inWords, NOW_MS, proved, snapshot, trial, version } from "../../test/scene.ts";
import { plan } from "./planner.ts";
import type { Container } from "../model/snapshot.ts";
import { endWaiting, NOTHING_RECORDED } from "../model/swap-record.ts";

const busy = { atMost: "2h" };
const web = (image: string, more: object = {}) => ({ services: [{ name: "web", image, busy, ...more }] });
const pair = (image: string) => ({
  services: [
    { name: "web", image, busy },
    { name: "db", image },
  ],
});
const [v1, v2] = [web("x:1"), web("x:2")];
const images = ["x:1", "x:2"];
const atWork = container("web", v1, { isAtWork: true });
const next = (data: unknown, service = "web"): Container =>
  container(service, data, { name: `app_${service}.next`, state: "created", startedAtMs: null });
const minutesAgo = (minutes: number) => new Date(NOW_MS - minutes * 60_000).toISOString();
const waiting = (minutes: number, isOver = false) => ({ waiting: { since: minutesAgo(minutes), isOver } });
const NOTED = "journal: it waits for a container that is at work";
const CHANGE = [
  "journal: a new version is on trial",
  "stop app_web 300s",
  "start app_web.next",
  "rename app_web app_web.old",
  "rename app_web.next app_web",
];
const verdict = { of: version(v2, "2"), at: minutesAgo(0), reason: "Exited", message: "x:2 failed" };

testTable({
  "a new version, while the old one is at work": [
    {
      name: "its image is fetched and its container made, and nothing is stopped",
      want: v2,
      have: { ...proved(v1), absent: ["x:2"], containers: [atWork] },
      steps: ["pull x:2", "create app_web.next"],
    },
    {
      name: "it is written down since when it waits",
      want: v2,
      have: { ...proved(v1), images, containers: [atWork, next(v2)] },
      steps: [NOTED],
      // It acts alone, and all is looked at anew.
    },
    {
      name: "it waits",
      want: v2,
      have: { ...proved(v1, waiting(60)), images, containers: [atWork, next(v2)] },
      steps: [],
      blocked: ["web Busy"],
    },
    {
      name: "it waits when an agent that knows nothing finds it so",
      want: v2,
      have: { images, containers: [atWork, next(v2)] },
      steps: [NOTED],
    },
    {
      name: "a newer one is made in its place",
      want: web("x:3"),
      have: { ...proved(v1, waiting(60)), images: ["x:3"], containers: [atWork, next(v2)] },
      steps: ["remove app_web.next"],
    },
    {
      name: "what else stands in its way is said, and the time does not count",
      want: web("x:2", { secrets: [{ name: "key" }] }),
      have: { ...proved(v1), images, containers: [atWork] },
      steps: [],
      blocked: ["web SecretMissing"],
    },
  ],
  "the wait ends": [
    {
      name: "with the file",
      want: v2,
      have: { ...proved(v1, waiting(60)), images, containers: [container("web", v1), next(v2)] },
      steps: CHANGE,
    },
    {
      name: "with the container",
      want: v2,
      have: { ...proved(v1, waiting(60)), images, containers: [container("web", v1, { state: "exited", exitCode: 1 }), next(v2)] },
      steps: CHANGE.filter((step) => !step.startsWith("stop")),
    },
    {
      name: "with the time that the Score gives",
      want: v2,
      have: { ...proved(v1, waiting(120)), images, containers: [atWork, next(v2)] },
      steps: CHANGE,
    },
    {
      name: "with the time that the new version gives",
      want: web("x:2", { busy: { atMost: "30m" } }),
      have: { ...proved(v1, waiting(31)), images, containers: [atWork, next(web("x:2", { busy: { atMost: "30m" } }))] },
      steps: CHANGE,
    },
    {
      name: "with a person's word",
      want: v2,
      have: { ...proved(v1, waiting(1, true)), images, containers: [atWork, next(v2)] },
      steps: CHANGE,
    },
    {
      name: "with the wish",
      want: v1,
      have: { ...proved(v1, waiting(60)), images, containers: [atWork] },
      steps: ["journal: nothing waits for a container at work any more"],
    },
    {
      name: "and begins anew after the clock was set back",
      want: v2,
      have: { ...proved(v1, waiting(-600)), images, containers: [atWork, next(v2)] },
      steps: [NOTED],
    },
  ],
  "what was begun": [
    {
      name: "is not held up half-way",
      want: pair("x:2"),
      have: {
        ...proved(pair("x:1"), { trial: trial(pair("x:2")) }),
        images,
        networks: ["app_default"],
        containers: [
          container("web", pair("x:1"), { isAtWork: true }),
          container("db", pair("x:1"), { state: "exited" }),
          next(pair("x:2")),
          next(pair("x:2"), "db"),
        ],
      },
      steps: [
        "stop app_web 300s",
        "start app_web.next",
        "start app_db.next",
        "rename app_web app_web.old",
        "rename app_web.next app_web",
        "rename app_db app_db.old",
        "rename app_db.next app_db",
      ],
    },
  ],
  "of several services": [
    {
      name: "all wait for one",
      want: pair("x:2"),
      have: {
        ...proved(pair("x:1"), waiting(60)),
        images,
        networks: ["app_default"],
        containers: [
          container("web", pair("x:1"), { isAtWork: true }),
          container("db", pair("x:1")),
          next(pair("x:2")),
          next(pair("x:2"), "db"),
        ],
      },
      steps: [],
      blocked: ["web Busy"],
    },
    {
      name: "one that is down since the power went serves meanwhile",
      want: pair("x:2"),
      have: {
        ...proved(pair("x:1"), waiting(60)),
        images,
        networks: ["app_default"],
        containers: [
          container("web", pair("x:1"), { isAtWork: true }),
          container("db", pair("x:1"), { state: "created" }),
          next(pair("x:2")),
          next(pair("x:2"), "db"),
        ],
      },
      steps: ["revive app_db"],
      blocked: ["web Busy"],
    },
    {
      name: "one that is not in the new version is waited for",
      want: { services: [{ name: "db", image: "x:2" }] },
      have: {
        ...proved(pair("x:1"), waiting(60)),
        images,
        networks: ["app_default"],
        containers: [
          container("web", pair("x:1"), { isAtWork: true }),
          container("db", pair("x:1")),
          next({ services: [{ name: "db", image: "x:2" }] }, "db"),
        ],
      },
      steps: [],
      blocked: ["web Busy"],
    },
    {
      name: "one that stays as it is may be at work",
      want: { services: [pair("x:1").services[0], { name: "db", image: "x:2" }] },
      have: {
        ...proved(pair("x:1")),
        images,
        networks: ["app_default"],
        containers: [
          container("web", pair("x:1"), { isAtWork: true }),
          container("db", pair("x:1")),
          next({ services: [pair("x:1").services[0], { name: "db", image: "x:2" }] }, "db"),
        ],
      },
      steps: [
        "journal: a new version is on trial",
        "stop app_db 300s",
        "start app_db.next",
        "rename app_db app_db.old",
        "rename app_db.next app_db",
      ],
    },
  ],
  "a removal": [
    { name: "is written down", want: null, have: { ...proved(v1), containers: [atWork] }, steps: [NOTED], blocked: ["web Busy"] },
    { name: "waits", want: null, have: { ...proved(v1, waiting(60)), containers: [atWork] }, steps: [], blocked: ["web Busy"] },
    {
      name: "does not wait for more than that",
      want: null,
      have: { ...proved(v1, waiting(121)), containers: [atWork] },
      steps: ["start list: ", "stop app_web 300s", "remove app_web", "journal: it is removed"],
    },
  ],
  "the way back": [
    {
      name: "waits",
      want: v2,
      have: {
        ...proved(v1, { verdict, ...waiting(60) }),
        images,
        containers: [
          container("web", v1, { name: "app_web.old", state: "exited", stoppedByUser: true }),
          container("web", v2, { isAtWork: true, health: "unhealthy" }),
        ],
      },
      steps: [],
      blocked: ["web Busy"],
    },
  ],
  "what is no new wish": [
    {
      name: "a person's hold stops it at once",
      want: v1,
      more: { hold: { reason: "calibration", until: "2027-01-15T10:00:00Z" } },
      have: { ...proved(v1), containers: [atWork] },
      steps: ["journal: a person holds it", "start list: ", "stop app_web 300s"],
    },
    {
      name: "a container without `busy` is not asked",
      want: web("x:2", { busy: undefined }),
      have: {
        ...proved(web("x:1", { busy: undefined })),
        images,
        containers: [container("web", web("x:1", { busy: undefined }), { isAtWork: true }), next(web("x:2", { busy: undefined }))],
      },
      steps: CHANGE,
    },
  ],
});

function sentence(want: unknown, have: Have): string | undefined {
  return plan(desired(want), snapshot({ images, ...have })).blocked[0]?.message;
}

describe("it says", () => {
  const time = (minutesFromNow: number) => minuteOfDay(new Date(NOW_MS + minutesFromNow * 60_000).toISOString());

  test("since when, what waits, until when, and what a person can do", () => {
    expect(sentence(v2, { ...proved(v1, waiting(1)), containers: [atWork, next(v2)] })).toBe(
      `web is at work since ${time(-1)}; the new version waits, at the latest until ${time(119)}: \`iot-agent switch app\` does not wait`,
    );
    expect(sentence(null, { ...proved(v1, waiting(1)), containers: [atWork] })).toContain("; its removal waits, ");
  });

  test("the day where it is another", () => {
    expect(
      sentence(web("x:2", { busy: { atMost: "100h" } }), {
        ...proved(v1, waiting(1)),
        containers: [atWork, next(web("x:2", { busy: { atMost: "100h" } }))],
      }),
    ).toMatch(/until 20\d\d-\d\d-\d\d \d\d:\d\d UTC/);
  });

  test("and looks again within seconds", () => {
    const have = { ...proved(v1, waiting(1)), images, containers: [atWork, next(v2)] };
    expect(plan(desired(v2), snapshot(have)).recheckAfterMs).toBe(5_000);
    expect(plan(desired(null), snapshot(have)).recheckAfterMs).toBe(5_000);
  });
});

test("a container that may say so is looked at between a pull, which may be long, and its stop", () => {
  const idle = { ...proved(v1), absent: ["x:2"], containers: [container("web", v1)] };
  expect(plan(desired(v2), snapshot(idle)).steps.map(inWords)).toEqual(["pull x:2", "create app_web.next"]);
});

test("a person's word before anything waits counts for what waits next", () => {
  expect(endWaiting(NOTHING_RECORDED, NOW_MS).waiting).toEqual({ since: new Date(NOW_MS).toISOString(), isOver: true });
});
