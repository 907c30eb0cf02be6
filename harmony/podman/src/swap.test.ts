// The planner from one version to the next: the swap, its gate, the way back, and where it goes on after a crash at any step.

import { type Row, testTable } from "../test/planner-table.ts";
import { container, NOW_MS, proved, trial, version } from "../test/scene.ts";
import type { Container } from "./snapshot.ts";

const web = (image: string, more: object = {}) => ({ services: [{ name: "web", image, ports: ["8080:80"], ...more }] });
const pair = (image: string, more: object = {}) => ({
  services: [
    { name: "web", image, ports: ["8080:80"], ...more },
    { name: "db", image: "db:1", volumes: ["data:/data"] },
  ],
});
const v1 = web("x:1");
const v2 = web("x:2");
const swap = [
  "create app_web.next",
  "journal: a new version is on trial",
  "stop app_web 300s",
  "start app_web.next",
  "rename app_web app_web.old",
  "rename app_web.next app_web",
];
const pass = ["journal: the version is good", "remove app_web.old"];
const back = ["stop app_web 300s", "start app_web.old", "rename app_web app_web.next", "rename app_web.old app_web", "remove app_web.next"];

const good = proved(v1);
const tried = proved(v1, { trial: trial(v2) });
const longTried = proved(v1, { trial: trial(v2, { startedAt: new Date(NOW_MS - 800_000).toISOString() }) });
const condemned = proved(v1, {
  verdict: { of: version(v2, "2"), at: new Date(NOW_MS - 1_000).toISOString(), reason: "Exited", message: "x:2 failed" },
});
const stopped: Partial<Container> = { state: "exited", stoppedByUser: true, exitCode: 143 };
const running = container("web", v1);
const aside = container("web", v1, stopped);
const old = container("web", v1, { ...stopped, name: "app_web.old" });
const next = (more: Partial<Container> = {}) => container("web", v2, { name: "app_web.next", ...more });
const created = next({ state: "created", startedAtMs: null });
const taken = (more: Partial<Container> = {}) => container("web", v2, { startedAtMs: NOW_MS - 9_000, ...more });

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
      have: { ...tried, containers: [old, taken({ startedAtMs: NOW_MS - 3_000 })] },
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
        ["was not healthy in time", { health: "starting", startedAtMs: NOW_MS - 700_000 }],
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
      have: { ...longTried, containers: [old, taken({ health: "starting", startedAtMs: NOW_MS - 60_000 })] },
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
      want: pair("x:2"),
      have: {
        ...proved(pair("x:1"), { trial: trial(pair("x:2")) }),
        networks: ["app_default"],
        containers: [
          container("web", pair("x:1"), { ...old, name: "app_web.old" }),
          container("web", pair("x:2")),
          container("db", pair("x:1"), { restarts: 1, startedAtMs: NOW_MS - 2_000 }),
        ],
      },
      steps: ["journal: the new version has failed"],
    },
  ],
  "a version that has failed": [
    { name: "gives way to the old one", want: v2, have: { ...condemned, containers: [old, taken({ restarts: 1 })] }, steps: back },
    {
      name: "goes on giving way after a crash before the old one was started",
      want: v2,
      have: { ...condemned, containers: [old, taken(stopped)] },
      steps: back.slice(1),
    },
    {
      name: "goes on giving way after a crash when the old one was started",
      want: v2,
      have: { ...condemned, containers: [{ ...old, state: "running" }, taken(stopped)] },
      steps: back.slice(2),
    },
    {
      name: "goes on giving way after a crash between the names",
      want: v2,
      have: { ...condemned, containers: [{ ...old, state: "running" }, next(stopped)] },
      steps: back.slice(3),
    },
    {
      name: "is removed at last after a crash",
      want: v2,
      have: { ...condemned, containers: [running, next(stopped)] },
      steps: back.slice(4),
    },
    { name: "is not tried again", want: v2, have: { ...condemned, containers: [running] }, steps: [] },
    {
      name: "is not tried again, and the old one is kept up",
      want: v2,
      have: { ...condemned, containers: [container("web", v1, { state: "exited", exitCode: 1 })] },
      steps: ["start app_web"],
    },
    {
      name: "is not tried again, and the old one is made anew if it is lost",
      want: v2,
      have: { ...condemned, absent: ["x:1"] },
      steps: ["pull x:1", "create app_web", "start app_web"],
    },
    {
      name: "is forgotten when the Score changes",
      want: web("x:3"),
      have: { ...condemned, images: ["x:3"], containers: [running] },
      steps: swap,
    },
    {
      name: "is forgotten when the Score goes back",
      want: v1,
      have: { ...condemned, containers: [running] },
      steps: ["journal: the version is good"],
    },
    {
      name: "that could not be started gives way where the names had not moved",
      want: v2,
      have: { ...condemned, containers: [aside, created] },
      steps: ["start app_web", "remove app_web.next"],
    },
    {
      name: "without a service gives it back",
      want: v2,
      have: {
        ...proved(pair("x:1"), { verdict: { of: version(v2, "2"), at: "2027-01-15T00:00:00Z", reason: "Exited", message: "" } }),
        networks: ["app_default"],
        containers: [
          container("web", pair("x:1"), { ...stopped, name: "app_web.old" }),
          taken({ restarts: 1 }),
          container("db", pair("x:1"), { ...stopped, name: "app_db.old" }),
        ],
      },
      steps: [
        "stop app_web 300s",
        "start app_web.old",
        "start app_db.old",
        "rename app_web app_web.next",
        "rename app_web.old app_web",
        "remove app_web.next",
        "rename app_db.old app_db",
      ],
    },
    {
      name: "with a service more loses it",
      want: pair("x:1"),
      have: {
        ...proved(v1, { verdict: { of: version(pair("x:1"), "2"), at: "2027-01-15T00:00:00Z", reason: "Exited", message: "" } }),
        networks: ["app_default"],
        containers: [old, container("web", pair("x:1")), container("db", pair("x:1"), { restarts: 3 })],
      },
      steps: ["stop app_db 300s", ...back, "remove app_db"],
    },
  ],
  "what may pass": [
    ...(
      [
        ["lets the old one serve until the next try", 1_000, ["start app_web"], ["web PortInUse"]],
        ["is tried again after a while", 20_000, ["start app_web.next", ...swap.slice(4)], []],
      ] as const
    ).map(([name, agoMs, steps, blocked]) => ({
      name,
      want: v2,
      have: {
        ...proved(v1, {
          trial: trial(v2, {
            setback: { service: "web", reason: "PortInUse", why: "held", at: new Date(NOW_MS - agoMs).toISOString(), count: 1 },
          }),
        }),
        containers: [aside, created],
      },
      steps,
      blocked,
    })),
    {
      name: "and stands in the way of a swap that has begun lets the old one serve",
      want: v2,
      have: { ...tried, containers: [aside, created, container("web", v1, { deployment: "other" })].map((one) => one) },
      steps: [],
      blocked: ["web PortInUse"],
    },
  ],
};

testTable(rows);
