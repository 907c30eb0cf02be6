// The planner from one version to the next: the swap, its gate, and where it goes on after a crash
// at any step.

import { type Row, testTable } from "../../test/planner-table.ts";
import { container, NOW_MS, proved, trial } from "../../test/scene.ts";
import {
  aside,
  created,
  good,
  longTried,
  next,
  old,
  pair,
  pass,
  running,
  stopped,
  swap,
  taken,
  tried,
  v1,
  v2,
  web,
} from "../../test/swap-scene.ts";
import type { Container } from "../model/snapshot.ts";

const FAILED = ["journal: the new version has failed"];
const DONE = ["journal: the version is good", "remove app_web.old"];
const ended: Partial<Container> = { state: "exited", exitCode: 1, exitedAtMs: NOW_MS - 500 };
const checked = web("x:2", { healthcheck: { test: "true" } });
const changed = { services: pair("x:2").services.map((service) => ({ ...service, image: "x:2" })) };

const rows: Record<string, readonly Row[]> = {
  "a new version": [
    {
      name: "is pulled and created before the old one is stopped",
      want: v2,
      have: { ...good, absent: ["x:2"], containers: [running] },
      steps: ["pull x:2", ...swap],
    },
    {
      name: "waits as long for the old one as the old one's Score says",
      want: v2,
      have: { images: ["x:2"], containers: [container("web", web("x:1", { stopTimeoutSeconds: 7 }))] },
      steps: swap.map((step) => step.replace("300s", "7s")),
    },
    {
      name: "of what never was good has nothing to go back to",
      want: v2,
      have: { images: ["x:2"], containers: [container("web", v1, { restarts: 4 })] },
      steps: ["create app_web.next", "stop app_web 300s", "start app_web.next", "remove app_web", "rename app_web.next app_web"],
    },
    {
      name: "goes on after a crash before its trial began",
      want: v2,
      have: { ...good, containers: [running, created] },
      steps: swap.slice(1),
    },
    {
      name: "goes on after a crash before the old one was stopped",
      want: v2,
      have: { ...tried, containers: [running, created] },
      steps: swap.slice(2),
    },
    {
      name: "goes on after a crash when the old one was stopped",
      want: v2,
      have: { ...tried, containers: [aside, created] },
      steps: swap.slice(3),
    },
    {
      name: "goes on after a crash when the new one was started",
      want: v2,
      have: { ...tried, containers: [aside, next()] },
      steps: swap.slice(4),
    },
    {
      name: "goes on after a crash between the names",
      want: v2,
      have: { ...tried, containers: [old, next()] },
      steps: swap.slice(5),
    },
    {
      name: "goes on after a crash at any step without its journal, too",
      want: v2,
      have: { containers: [aside, next()] },
      steps: ["journal: a new version is on trial", ...swap.slice(4)],
    },
    {
      name: "goes back when the Score does, and what was stopped is started again",
      want: v1,
      have: { ...tried, containers: [aside, next()] },
      steps: ["stop app_web.next 300s", "start app_web", "remove app_web.next"],
    },
    {
      name: "of which a third is wanted serves until that one is there",
      want: web("x:3"),
      have: { ...tried, absent: ["x:3"], containers: [aside, next()] },
      steps: swap.slice(4),
    },
    {
      name: "that is not proved gives way to a third, and what was good stays",
      want: web("x:3"),
      have: { ...tried, images: ["x:3"], containers: [old, taken()] },
      steps: [
        "create app_web.next",
        "journal: a new version is on trial",
        "stop app_web 300s",
        "start app_web.next",
        "remove app_web",
        "rename app_web.next app_web",
      ],
    },
    {
      name: "that never ran gives way to a third",
      want: web("x:3"),
      have: { ...good, absent: ["x:3"], containers: [running, created] },
      steps: ["remove app_web.next"],
    },
    {
      name: "that is long in coming after a power cut: the old one runs meanwhile",
      want: v2,
      have: { ...good, absent: ["x:2"], containers: [container("web", v1, { state: "exited" })] },
      steps: ["revive app_web", "pull x:2"],
    },
    {
      name: "whose port is another deployment's leaves the old one running",
      want: web("x:2", { ports: ["9090:80"] }),
      have: {
        absent: ["x:2"],
        containers: [container("web", v1), container("web", web("x:1", { ports: ["9090:80"] }), { deployment: "other" })],
      },
      steps: [],
      blocked: ["web PortInUse"],
    },
    {
      name: "in which two services exchange their ports: both are stopped first",
      want: {
        services: [
          { name: "a", image: "x:1", ports: ["82:1"] },
          { name: "b", image: "x:1", ports: ["81:1"] },
        ],
      },
      have: {
        images: ["x:1"],
        networks: ["app_default"],
        containers: ["a", "b"].map((name) =>
          container(name, {
            services: [
              { name: "a", image: "x:1", ports: ["81:1"] },
              { name: "b", image: "x:1", ports: ["82:1"] },
            ],
          }),
        ),
      },
      steps: [
        "create app_a.next",
        "create app_b.next",
        "journal: a new version is on trial",
        "stop app_a 300s",
        "stop app_b 300s",
        "start app_a.next",
        "start app_b.next",
        "rename app_a app_a.old",
        "rename app_a.next app_a",
        "rename app_b app_b.old",
        "rename app_b.next app_b",
      ],
    },
    {
      name: "without a service: it is stopped with the others and kept as they are",
      want: v2,
      have: {
        images: ["x:2"],
        networks: ["app_default"],
        volumes: ["app_data"],
        containers: [container("web", pair("x:1")), container("db", pair("x:1"))],
      },
      steps: [...swap.slice(0, 2), "stop app_db 300s", ...swap.slice(2), "rename app_db app_db.old"],
    },
  ],
  "the gate": [
    {
      name: "keeps the old one at first",
      want: v2,
      have: { ...tried, containers: [old, taken({ upMs: 3_000 })] },
      steps: [],
    },
    { name: "lets pass what stays up", want: v2, have: { ...tried, containers: [old, taken()] }, steps: pass },
    {
      name: "lets pass without its journal only after a trial",
      want: v2,
      have: { containers: [old, taken()] },
      steps: ["journal: a new version is on trial"],
    },
    {
      name: "that was passed is done with after a crash",
      want: v2,
      have: { ...proved(v2), containers: [old, taken()] },
      steps: pass.slice(1),
    },
    ...(
      [
        ["ended", { state: "exited", exitCode: 3, exitedAtMs: NOW_MS - 100 }],
        ["was restarted", { restarts: 1 }],
        ["is unhealthy", { health: "unhealthy" }],
        ["was not healthy in time", { health: "starting", upMs: 700_000, aliveMs: 700_000 }],
      ] as const
    ).map(([what, how]) => ({
      name: `condemns what ${what}`,
      want: v2,
      have: { ...longTried, containers: [old, taken(how)] },
      steps: ["journal: the new version has failed"],
    })),
    {
      name: "condemns what could not be started",
      want: v2,
      have: {
        ...proved(v1, { trial: trial(v2, { failure: { service: "web", reason: "StartFailed", why: "no such program" } }) }),
        containers: [aside, created],
      },
      steps: ["journal: the new version has failed"],
    },
    {
      name: "waits for a health check that has not answered yet",
      want: v2,
      have: { ...longTried, containers: [old, taken({ health: "starting", aliveMs: 60_000 })] },
      steps: [],
    },
    {
      name: "lets pass what has done its work",
      want: web("x:2", { restart: "on-failure" }),
      have: {
        ...proved(v1, { trial: trial(web("x:2", { restart: "on-failure" })) }),
        containers: [old, container("web", web("x:2", { restart: "on-failure" }), { state: "exited" })],
      },
      steps: ["journal: the version is good", "start list: ", "remove app_web.old"],
    },
    {
      name: "does not hold against it what a person did",
      want: v2,
      have: { ...tried, containers: [old, taken(stopped)] },
      steps: ["start app_web"],
    },
    {
      name: "counts that the device went down",
      want: v2,
      have: { ...tried, device: { id: "pi-01", labels: {}, bootId: "boot-2" }, containers: [old, taken({ state: "created" })] },
      steps: ["journal: the device went down while the new version was tried"],
    },
    {
      name: "does not count that the device went down while the old one served",
      want: v2,
      have: {
        ...proved(v1, { trial: trial(v2, { deviceFailures: 2, isAside: true }) }),
        device: { id: "pi-01", labels: {}, bootId: "boot-4" },
        containers: [container("web", v1, { state: "created" }), created],
      },
      steps: ["journal: a new version is on trial", "start app_web.next", ...swap.slice(4)],
    },
    {
      name: "starts again what ended with the device",
      want: web("x:2", { restart: "no" }),
      have: {
        ...proved(v1, {
          trial: trial(web("x:2", { restart: "no" }), { resumedAt: new Date(NOW_MS - 1_000).toISOString(), deviceFailures: 1 }),
        }),
        containers: [old, container("web", web("x:2", { restart: "no" }), { state: "exited", exitCode: 143, exitedAtMs: NOW_MS - 2_000 })],
      },
      steps: ["start app_web"],
    },
    {
      name: "condemns what took the device down three times",
      want: v2,
      have: {
        ...proved(v1, { trial: trial(v2, { deviceFailures: 2 }) }),
        device: { id: "pi-01", labels: {}, bootId: "boot-4" },
        containers: [old, taken({ state: "created" })],
      },
      steps: ["journal: the new version has failed"],
    },
    {
      name: "of several services is passed by all or none",
      want: changed,
      have: {
        ...proved(pair("x:1"), { trial: trial(changed) }),
        networks: ["app_default"],
        containers: [
          container("web", pair("x:1"), { ...stopped, name: "app_web.old" }),
          container("web", changed),
          container("db", pair("x:1"), { name: "app_db.old", ...stopped }),
          container("db", changed, { restarts: 1, startedAtMs: NOW_MS - 2_000 }),
        ],
      },
      steps: ["journal: the new version has failed"],
    },
    ...(
      [
        ["what a person stopped", web("x:2", { restart: "unless-stopped" }), stopped, []],
        ["what a person paused", web("x:2", { restart: "unless-stopped" }), { state: "paused" }, []],
        ["what is left to Podman for a moment", v2, { ...stopped, exitedAtMs: NOW_MS - 500 }, []],
        ["what Podman stopped because it is unhealthy", v2, { ...stopped, health: "unhealthy", exitedAtMs: NOW_MS - 500 }, FAILED],
        ["what is up since a clock was set forward", v2, { startedAtMs: NOW_MS - 10 ** 9, upMs: 100 }, []],
        [
          "what is unhealthy yet since a clock was set forward",
          v2,
          { health: "starting", startedAtMs: NOW_MS - 10 ** 9, aliveMs: 100 },
          [],
        ],
        ["what has a health check and was restarted", checked, { health: "starting", restarts: 1, recentRestarts: 1, aliveMs: 3_000 }, []],
        ["what has a health check and has just ended", checked, { ...ended, health: "starting", aliveMs: 3_000 }, []],
        ["what has a health check and keeps ending", checked, { health: "starting", restarts: 5, recentRestarts: 5 }, FAILED],
        ["what has a health check and ended for good", checked, { ...ended, health: "starting", exitedAtMs: NOW_MS - 9_000 }, FAILED],
        ["what ends now and then until its time is over", checked, { ...ended, health: "starting", aliveMs: 700_000 }, FAILED],
      ] as const
    ).map(([what, want, how, steps]) => ({
      name: `neither calls good nor condemns without reason ${what}`,
      want,
      have: { ...proved(v1, { trial: trial(want) }), containers: [old, container("web", want, how)] },
      steps,
    })),
    ...(
      [
        ["was restarted once, as what it needs was exchanged", { restarts: 1, recentRestarts: 1, upMs: 6_000 }, DONE],
        ["has just been restarted", { restarts: 1, recentRestarts: 1, upMs: 1_000 }, []],
        ["has just ended", ended, []],
        ["keeps ending since", { restarts: 5, recentRestarts: 5, upMs: 1_000 }, FAILED],
        ["was ending long before", { restarts: 5, recentRestarts: 5, startedAtMs: NOW_MS - 20_000, upMs: 20_000 }, DONE],
      ] as const
    ).map(([what, how, steps]) => ({
      name: `of what the trial left as it was, when that ${what}`,
      want: pair("x:2"),
      have: {
        ...proved(pair("x:1"), { trial: trial(pair("x:2")) }),
        networks: ["app_default"],
        containers: [
          container("web", pair("x:1"), { ...stopped, name: "app_web.old" }),
          container("web", pair("x:2")),
          container("db", pair("x:1"), { startedAtMs: NOW_MS - 3_000, ...how }),
        ],
      },
      steps,
    })),
  ],
};

testTable(rows);
