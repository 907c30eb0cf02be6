// The planner's table: the present state, the wanted one, the steps between.

import { expect, test } from "vitest";
import { type Row, testTable } from "../../test/planner-table.ts";
import { container, desired, NOW_MS, proved, snapshot } from "../../test/scene.ts";
import { plan } from "./planner.ts";

const web = (image: string, more: object = {}) => ({ services: [{ name: "web", image, ports: ["8080:80"], ...more }] });
const pair = (image: string, more: object = {}) => ({
  services: [
    { name: "web", image, ports: ["8080:80"], ...more },
    { name: "db", image: "db:1", volumes: ["data:/data"] },
  ],
});
const v1 = web("x:1");
const v2 = web("x:2");
const next = { name: "app_web.next" };
const swap = [
  "create app_web.next",
  "journal: a new version is on trial",
  "stop app_web 300s",
  "start app_web.next",
  "rename app_web app_web.old",
  "rename app_web.next app_web",
];

const polite = web("x:1", { restart: "unless-stopped" });
const byHand = { state: "exited", exitCode: 143, stoppedByUser: true, exitedAtMs: NOW_MS - 9_000 } as const;

/** The wait for the end of `before`'s container, when `after` takes its place. */
function waits(before: object, after: object, isDeaf: boolean, seconds: number): Row {
  const [old, wanted] = [web("x:1", before), web("x:2", after)];
  return {
    name: `${JSON.stringify(before)} → ${JSON.stringify(after)}${isDeaf ? ", deaf" : ""}`,
    want: wanted,
    have: { ...proved(old), images: ["x:2"], networks: ["app_default"], containers: [container("web", old, { isDeaf })] },
    steps: swap.map((step) => (step.startsWith("stop ") ? `stop app_web ${seconds}s` : step)),
  };
}

const rows: Record<string, readonly Row[]> = {
  "what is pushed against a long stop counts for the container that is waited for": [
    waits({}, { stopTimeoutSeconds: 5 }, false, 5),
    waits({ stopTimeoutSeconds: 2 }, { stopTimeoutSeconds: 5 }, false, 2),
    waits({ stopTimeoutSeconds: 600 }, { stopTimeoutSeconds: 400 }, true, 600),
    waits({ stopTimeoutSeconds: 600 }, {}, true, 600),
    waits({}, { init: true }, true, 10),
    waits({}, { init: true }, false, 300),
    waits({ init: true }, { init: true }, true, 300),
    waits({}, { init: true, stopTimeoutSeconds: 3 }, true, 3),
  ],
  "a first version": [
    { name: "whose image is there", want: v1, have: { images: ["x:1"] }, steps: ["create app_web", "start app_web"] },
    { name: "whose image is not", want: v1, have: { absent: ["x:1"] }, steps: ["pull x:1", "create app_web", "start app_web"] },
    {
      name: "of two services",
      want: pair("x:1"),
      have: { absent: ["x:1", "db:1"] },
      steps: [
        "pull x:1",
        "pull db:1",
        "create network app_default",
        "create volume app_data",
        "create app_web",
        "create app_db",
        "start app_web",
        "start app_db",
      ],
    },
    {
      name: "of two services of one image, which is pulled once",
      want: {
        services: [
          { name: "a", image: "x:1" },
          { name: "b", image: "x:1" },
        ],
      },
      have: { absent: ["x:1"], networks: ["app_default"] },
      steps: ["pull x:1", "create app_a", "create app_b", "start app_a", "start app_b"],
    },
    {
      name: "with pull: newer",
      want: web("x:1", { pull: "newer" }),
      have: { images: ["x:1"] },
      steps: ["pull x:1 if newer", "create app_web", "start app_web"],
    },
    {
      name: "with pull: never and no image",
      want: web("x:1", { pull: "never" }),
      have: { absent: ["x:1"] },
      steps: [],
      blocked: ["web ImageNotFound"],
    },
    {
      name: "whose port another deployment holds",
      want: v1,
      have: { images: ["x:1"], containers: [container("web", v1, { deployment: "other" })] },
      steps: [],
      blocked: ["web PortInUse"],
    },
    {
      name: "whose port another deployment would hold if it ran",
      want: v1,
      have: { images: ["x:1"], containers: [container("web", v1, { deployment: "other", state: "exited" })] },
      steps: ["create app_web", "start app_web"],
    },
    {
      name: "that was created and not started",
      want: v1,
      have: { images: ["x:1"], containers: [container("web", v1, { state: "created" })] },
      steps: ["start app_web"],
    },
  ],
  "what is as it should be": [
    { name: "is left alone", want: v1, have: { ...proved(v1), containers: [container("web", v1)] }, steps: [] },
    {
      name: "also with pull: newer",
      want: web("x:1", { pull: "newer" }),
      have: { ...proved(web("x:1", { pull: "newer" })), containers: [container("web", web("x:1", { pull: "newer" }))] },
      steps: [],
    },
    {
      name: "also when the Score differs in another service only",
      want: pair("x:2"),
      have: {
        images: ["x:2", "db:1"],
        networks: ["app_default"],
        volumes: ["app_data"],
        containers: [container("web", pair("x:1")), container("db", pair("x:1"))],
      },
      steps: swap,
    },
    {
      name: "also when the Score says the same in other words, which is noted",
      want: web("docker.io/library/x:1", { stopTimeoutSeconds: 300 }),
      have: { ...proved(v1), containers: [container("web", v1)] },
      steps: ["journal: the version is good"],
    },
  ],
  "a container that is down": [
    {
      name: "is started again",
      want: v1,
      have: { containers: [container("web", v1, { state: "exited", exitCode: 137 })] },
      steps: ["start app_web"],
    },
    {
      name: "is left to Podman for a moment",
      want: v1,
      have: { ...proved(v1), containers: [container("web", v1, { state: "exited", exitedAtMs: NOW_MS - 500 })] },
      steps: [],
    },
    {
      name: "by a person, with restart: always, is started",
      want: v1,
      have: { containers: [container("web", v1, { state: "exited", stoppedByUser: true })] },
      steps: ["start app_web"],
    },
    ...["unless-stopped", "on-failure", "no"].map((restart) => ({
      name: `by a person, with restart: ${restart}, stays down`,
      want: web("x:1", { restart }),
      have: { containers: [container("web", web("x:1", { restart }), { state: "exited", exitCode: 143, stoppedByUser: true })] },
      steps: ["journal: what a person has stopped"],
    })),
    {
      name: "by a person is noted once",
      want: polite,
      have: { ...proved(polite, { stopped: { app_web: NOW_MS - 9_000 } }), startList: [], containers: [container("web", polite, byHand)] },
      steps: [],
    },
    {
      name: "by a person is forgotten when it runs again",
      want: polite,
      have: { ...proved(polite, { stopped: { app_web: NOW_MS - 9_000 } }), containers: [container("web", polite)] },
      steps: ["journal: what a person has stopped"],
    },
    {
      name: "with restart: unless-stopped and by no person is started",
      want: web("x:1", { restart: "unless-stopped" }),
      have: { containers: [container("web", web("x:1", { restart: "unless-stopped" }), { state: "exited" })] },
      steps: ["start app_web"],
    },
    {
      name: "with restart: on-failure and exit code 0 has done its work",
      want: web("x:1", { restart: "on-failure" }),
      have: { containers: [container("web", web("x:1", { restart: "on-failure" }), { state: "exited" })] },
      steps: ["journal: the version is good"],
    },
    {
      name: "with restart: on-failure:3 after three tries stays down",
      want: web("x:1", { restart: "on-failure:3" }),
      have: { containers: [container("web", web("x:1", { restart: "on-failure:3" }), { state: "exited", exitCode: 1, restarts: 3 })] },
      steps: ["start list: app_web"],
    },
    {
      name: "being paused is resumed",
      want: v1,
      have: { containers: [container("web", v1, { state: "paused" })] },
      steps: ["unpause app_web"],
    },
    {
      name: "while it stops is waited for",
      want: v1,
      have: { containers: [container("web", v1, { state: "stopping" })] },
      steps: ["stop app_web 300s"],
    },
    {
      name: "and half removed is removed, before all else",
      want: v1,
      have: { images: ["x:1"], containers: [container("web", v1, { state: "broken" })] },
      steps: ["remove app_web"],
    },
    {
      name: "and renamed by hand is replaced",
      want: v1,
      have: { images: ["x:1"], containers: [container("web", v1, { name: "mine" })] },
      steps: ["create app_web", "stop mine 300s", "start app_web", "remove mine"],
    },
    {
      name: "and whose Score cannot be read is replaced",
      want: v1,
      have: { images: ["x:1"], containers: [container("web", v1, { scoreString: "{" })] },
      steps: ["create app_web.next", "stop app_web 300s", "start app_web.next", "remove app_web", "rename app_web.next app_web"],
    },
    {
      name: "and whose port another deployment has taken stays down",
      want: v1,
      have: { containers: [container("web", v1, { state: "exited" }), container("web", v1, { deployment: "other" })] },
      steps: [],
      blocked: ["web PortInUse"],
    },
  ],
  "a container that lost its network": [
    {
      name: "is started again, which is recorded first",
      want: polite,
      have: { ...proved(polite), containers: [container("web", polite, { hasLostNetwork: true })] },
      steps: ["journal: its network has ended", "stop app_web 300s", "start app_web"],
    },
    {
      name: "and was only stopped is started",
      want: polite,
      have: { ...proved(polite, { held: ["app_web"] }), containers: [container("web", polite, byHand)] },
      steps: ["start app_web"],
    },
    {
      name: "and runs again is noted",
      want: polite,
      have: { ...proved(polite, { held: ["app_web"] }), containers: [container("web", polite)] },
      steps: ["journal: what was stopped for a while runs again"],
    },
    {
      name: "and is to run only once is left alone",
      want: web("x:1", { restart: "no" }),
      have: {
        ...proved(web("x:1", { restart: "no" })),
        containers: [container("web", web("x:1", { restart: "no" }), { hasLostNetwork: true })],
      },
      steps: ["start list: "],
    },
  ],
  "a removal": [
    {
      name: "stops and removes containers and network, and leaves volumes",
      want: null,
      have: {
        networks: ["app_default"],
        volumes: ["app_data"],
        containers: [
          container("web", pair("x:1")),
          container("db", pair("x:1"), { state: "exited" }),
          container("web", v1, { deployment: "other" }),
        ],
      },
      steps: ["stop app_web 300s", "remove app_web", "remove app_db", "remove network app_default"],
    },
    {
      name: "also in the middle of a swap",
      want: null,
      have: { containers: [container("web", v1, { state: "paused" }), container("web", v2, next)] },
      steps: ["unpause app_web", "stop app_web 300s", "remove app_web", "stop app_web.next 300s", "remove app_web.next"],
    },
    { name: "of what is not there", want: null, have: {}, steps: [] },
  ],
};

testTable(rows);

test("a blocked port names who holds it", () => {
  const other = container("web", v1, { deployment: "other" });
  const { blocked, recheckAfterMs } = plan(desired(v1), snapshot({ images: ["x:1"], containers: [other] }));
  expect(recheckAfterMs).toBe(10_000);
  expect(blocked[0]?.message).toBe(
    'host port 8080/tcp of service "web" is in use by deployment "other": give one of the two another port, or remove the other',
  );
});

test("a created container carries what an agent without memory needs", () => {
  const want = desired(v1);
  const [create] = plan(want, snapshot({ images: ["x:1"] })).steps;
  expect(create).toMatchObject({
    labels: {
      "io.nationtech.iot.deployment": "app",
      "io.nationtech.iot.service": "web",
      "io.nationtech.iot.revision": "2",
      "io.nationtech.iot.score": want.scoreString,
    },
    spec: { image: "docker.io/library/x:1", env: { IOT_DEVICE_ID: "pi-01", IOT_DEPLOYMENT: "app", IOT_SERVICE: "web" } },
  });
});
