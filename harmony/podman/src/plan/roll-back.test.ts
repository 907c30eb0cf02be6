// The planner when a new version has failed, or cannot be started for a reason that may pass: the
// way back, from any step of the way.

import { expect, test } from "vitest";
import { type Row, testTable } from "../../test/planner-table.ts";
import { container, desired, NOW_MS, proved, snapshot, trial, version } from "../../test/scene.ts";
import {
  aside,
  back,
  condemned,
  created,
  next,
  old,
  pair,
  running,
  stopped,
  swap,
  taken,
  tried,
  v1,
  v2,
  web,
} from "../../test/swap-scene.ts";
import { plan } from "./planner.ts";
import { NOTHING_RECORDED } from "../model/swap-record.ts";
import { recordFailure } from "./trial.ts";

const HELD = { service: "web", reason: "PortInUse", why: "held" };
const metered = web("x:2", { devices: ["/dev/ttyUSB0"] });

const rows: Record<string, readonly Row[]> = {
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
      steps: ["remove app_web", "rename app_web.old app_web"],
    },
    {
      name: "and was put aside for another try goes on giving way",
      want: v2,
      have: { ...condemned, containers: [{ ...old, state: "running" }, next(stopped)] },
      steps: ["rename app_web.old app_web", "remove app_web.next"],
    },
    {
      name: "and was put aside for another try is removed at last",
      want: v2,
      have: { ...condemned, containers: [running, next(stopped)] },
      steps: ["remove app_web.next"],
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
        "remove app_web",
        "start app_web.old",
        "start app_db.old",
        "rename app_web.old app_web",
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
            setback: { ...HELD, at: new Date(NOW_MS - agoMs).toISOString(), count: 1 },
          }),
        }),
        containers: [aside, created],
      },
      steps,
      blocked,
    })),
    {
      name: "is tried again by a record that says so, from when on the device's going down counts again",
      want: v2,
      have: {
        ...proved(v1, { trial: trial(v2, { isAside: true, setback: { ...HELD, at: new Date(NOW_MS - 20_000).toISOString(), count: 1 } }) }),
        containers: [running, created],
      },
      steps: swap.slice(1),
    },
    {
      name: "is a device that was unplugged while the old one stopped: its failed start is no verdict",
      want: metered,
      have: {
        ...proved(v1, { trial: trial(metered, { failure: { service: "web", reason: "StartFailed", why: "no such device" } }) }),
        containers: [aside, container("web", metered, { name: "app_web.next", state: "created", startedAtMs: null })],
      },
      steps: ["journal: the old version serves meanwhile"],
    },
    {
      name: "is a device that is not there as it is started again: the old one serves, which is recorded",
      want: metered,
      have: { ...proved(v1, { trial: trial(metered) }), containers: [old, container("web", metered, { state: "created" })] },
      steps: [
        "journal: the old version serves meanwhile",
        "start app_web.old",
        "rename app_web app_web.next",
        "rename app_web.old app_web",
      ],
      blocked: ["web DeviceMissing"],
    },
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

test("a start that could not be made for a reason that may pass is recorded with what serves meanwhile", () => {
  const blocked = { kind: "blocked", subject: "web", reason: "PortInUse", message: "held" } as const;
  const record = { ...NOTHING_RECORDED, trial: trial(v2) };
  expect(recordFailure(record, blocked, NOW_MS)?.trial).toMatchObject({ isAside: true, setback: { ...HELD, count: 1 }, failure: null });
});

test("a version that could not be started is condemned with the last lines of its container", () => {
  const record = { good: version(v1), trial: trial(v2, { failure: { service: "web", reason: "StartFailed", why: "no" } }) };
  const [step] = plan(desired(v2), snapshot({ record, containers: [aside, next({ ...stopped, lastLines: ["out of paper"] })] })).steps;
  expect(step?.kind === "journal" ? step.record?.verdict?.message : "").toContain("; its last lines: out of paper; ");
});

test("a version whose program cannot live with the kernel's pages is condemned for that, with its cure", () => {
  const ended = taken({ restarts: 5, recentRestarts: 5, exitCode: 134, lastLines: ["<jemalloc>: Unsupported system page size"] });
  const [step] = plan(desired(v2), snapshot({ ...tried, containers: [old, ended] })).steps;
  const verdict = step?.kind === "journal" ? step.record?.verdict : null;
  expect(verdict?.reason).toBe("PageSize");
  expect(verdict?.message).toContain("`kernel=kernel8.img`");
});
