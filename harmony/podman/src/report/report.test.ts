// The report's sentences, for states that cannot be brought about on demand in a real Podman or are
// quicker shown here.

import type { Hold } from "@harmony/core";
import { expect, test } from "vitest";
import { container, desired, type Have, NOW_MS, proved, snapshot, trial, version } from "../../test/scene.ts";
import { explain } from "./explain.ts";
import { plan } from "../plan/planner.ts";
import type { Container } from "../model/snapshot.ts";
import { report, type ReportInput } from "./report.ts";

const v1 = { services: [{ name: "web", image: "x:1", ports: ["8080:80"] }] };
const v2 = { services: [{ name: "web", image: "x:2", ports: ["8080:80"] }] };

function reported(data: unknown, have: Have, more: Partial<ReportInput> = {}) {
  const want = desired(data);
  const seen = snapshot(have);
  return report({ desired: want, snapshot: seen, plan: plan(want, seen), outcomes: [], doing: null, ...more });
}

test("what runs as it should", () => {
  expect(reported(v1, { ...proved(v1), images: ["x:1"], containers: [container("web", v1)] })).toEqual({
    phase: "Running",
    reason: "Running",
    message: "running x:1",
    runningRevision: "2",
    services: [
      {
        name: "web",
        phase: "Running",
        image: "x:1",
        imageDigest: "sha256:d",
        health: undefined,
        restarts: 0,
        startedAt: "2027-01-15T07:00:00.000Z",
      },
    ],
    recheckAfterMs: null,
    settled: true,
  });
});

test.each([
  [
    "a pull with progress",
    { kind: "pull", service: "web", image: "x:2", reference: "docker.io/library/x:2", policy: "missing" },
    "layer 2",
    "Pulling",
    "pulling x:2 (layer 2)",
  ],
  [
    "a stop that takes its time",
    { kind: "stop", service: "web", container: "app_web", timeoutSeconds: 300 },
    "35",
    "Stopping",
    'container "app_web" has been asked to stop 35 s ago and has not; it is killed in 4 min: push a shorter `stopTimeoutSeconds`, which counts for this container too, or `iot-agent podman kill app_web` ends it now',
  ],
  [
    "a stop",
    { kind: "stop", service: "web", container: "app_web", timeoutSeconds: 300 },
    "",
    "Stopping",
    'stopping container "app_web", which may take up to 5 min',
  ],
  [
    "a start",
    { kind: "start", service: "web", container: "app_web.next", patienceMs: 0, trial: null },
    "",
    "Starting",
    'starting service "web"',
  ],
] as const)("%s is reported while it is under way, and what runs is still the old revision", (_, step, progress, phase, message) => {
  const result = reported(v2, { absent: ["x:2"], containers: [container("web", v1)] }, { doing: { step, progress } });
  expect(result).toMatchObject({ phase, reason: phase, message, runningRevision: "1", settled: false });
});

test("a program that cannot hear its stop signal is said to be such, with the cure", () => {
  const step = { kind: "stop", service: "web", container: "app_web", timeoutSeconds: 300 } as const;
  const have = { absent: ["x:2"], containers: [container("web", v1, { isDeaf: true })] };
  expect(reported(v2, have, { doing: { step, progress: "35" } }).message).toBe(
    'container "app_web" has been asked to stop 35 s ago and has not, because its process 1 does not hear its stop signal; it is killed in 4 min: push `init: true` or a shorter `stopTimeoutSeconds`, which counts for this container too, or `iot-agent podman kill app_web` ends it now',
  );
});

test("a removal says Removing all along", () => {
  const step = { kind: "stop", service: "web", container: "app_web", timeoutSeconds: 300 } as const;
  expect(reported(null, { containers: [container("web", v1)] }, { doing: { step, progress: "" } })).toMatchObject({
    phase: "Removing",
    reason: "Removing",
  });
  expect(reported(null, { volumes: ["app_a", "app_b"] })).toMatchObject({
    phase: "Removing",
    reason: "Removed",
    message: 'removed; its volumes "app_a", "app_b" are kept on the device (`iot-agent podman volume rm app_a app_b` deletes them)',
    runningRevision: null,
    settled: true,
  });
});

test("what stands in the way is reported with what goes on meanwhile", () => {
  const outcome = { kind: "blocked", subject: "web", reason: "ImageNotFound", message: "no such image" } as const;
  const result = reported(v2, { absent: ["x:2"], containers: [container("web", v1)] }, { outcomes: [outcome] });
  expect(result).toMatchObject({
    phase: "Blocked",
    reason: "ImageNotFound",
    message: "no such image; x:1 keeps running",
    runningRevision: "1",
    recheckAfterMs: null,
    settled: false,
  });
});

test("a limit that nothing enforces is reported", () => {
  const limited = { services: [{ name: "web", image: "x:1", resources: { memory: "64Mi", cpus: 1, pids: 9 } }] };
  expect(reported(limited, { controllers: ["cpu"], containers: [container("web", limited)] }).message).toBe(
    'running x:1; this device cannot enforce memory of service "web", pids of service "web" (its cgroup controller is off)',
  );
});

test("a container that Podman just had to start again is not called running yet", () => {
  const again = container("web", v1, { restarts: 4, startedAtMs: NOW_MS - 1_000, lastLines: ["out of paper"] });
  expect(reported(v1, { containers: [again] })).toMatchObject({
    phase: "Degraded",
    reason: "Restarting",
    message:
      'service "web" keeps ending and has been started again 4 times; its last line: out of paper; `iot-agent podman logs app_web` shows more: correct the program, or what the deployment gives it, and push',
    recheckAfterMs: 10_000,
  });
});

test("a container that lost its network is reported as such, also when it is about to be started again", () => {
  const have = { ...proved(v1), images: ["x:1"], containers: [container("web", v1, { hasLostNetwork: true })] };
  const says =
    'service "web" runs, and nobody can reach it, because the process of its network has ended: nothing has to be done, it is started again';
  expect(reported(v1, have)).toMatchObject({ phase: "Degraded", reason: "NetworkLost", message: says });
  const want = desired(v1);
  const seen = snapshot(have);
  const [first] = plan(want, seen).steps;
  expect(first === undefined ? null : reported(v1, have, { doing: { step: first, progress: "" } })).toMatchObject({
    phase: "Degraded",
    message: says,
  });
  const once = { services: [{ name: "web", image: "x:1", ports: ["8080:80"], restart: "no" }] };
  expect(reported(once, { containers: [container("web", once, { hasLostNetwork: true })] }).message).toMatch(
    /: `iot-agent podman restart app_web` repairs it$/,
  );
  const { observed, planned } = explain(want, seen, plan(want, seen));
  expect(observed).toContainEqual(expect.stringContaining("and nobody serves its ports any more"));
  expect(planned).toEqual([
    "recording in the journal that its network has ended",
    'stopping container "app_web"',
    'starting container "app_web"',
  ]);
});

test("a hold says until when, by whom and how it ends", () => {
  const until = new Date(new Date(NOW_MS).setHours(23, 5));
  const held = (hold: Hold) => {
    const want = desired(v1, { hold });
    const seen = snapshot({ containers: [container("web", v1, { state: "exited", stoppedByUser: true })] });
    return report({ desired: want, snapshot: seen, plan: plan(want, seen), outcomes: [], doing: null });
  };
  expect(held({ reason: "calibration", until: until.toISOString() })).toMatchObject({
    phase: "Held",
    reason: "Held",
    message: "held until 23:05 UTC by a person: calibration; `iot-agent release app` ends it",
    runningRevision: null,
    settled: true,
  });
  const later = new Date(2030, 1, 3, 4, 5);
  expect(held({ reason: "calibration", until: later.toISOString() }).message).toContain("held until 2030-02-03 04:05 UTC by");
});

test("a version on trial is not called running yet, and says what is kept", () => {
  const old = container("web", v1, { name: "app_web.old", state: "exited", stoppedByUser: true });
  const have = { ...proved(v1, { trial: trial(v2) }), containers: [container("web", v2, { upMs: 2_000 }), old] };
  expect(reported(v2, have)).toMatchObject({
    phase: "Starting",
    reason: "OnTrial",
    message: "x:2 runs and is on trial, x:1 is kept to go back to",
    recheckAfterMs: 3_000,
    settled: false,
  });
});

test("a version that has failed is reported with what runs in its place, or what is wrong with that", () => {
  const failed = proved(v1, {
    verdict: { of: version(v2, "2"), at: "2027-01-15T00:00:00Z", reason: "Unhealthy", message: "x:2 failed: it is ill" },
  });
  expect(reported(v2, { ...failed, images: ["x:1"], containers: [container("web", v1)] })).toMatchObject({
    phase: "RolledBack",
    reason: "Unhealthy",
    message: "running x:1; x:2 failed: it is ill",
    runningRevision: "1",
    services: [{ name: "web", phase: "Running", image: "x:1", imageDigest: "sha256:d" }],
    settled: true,
  });
  expect(reported(v2, { ...failed, containers: [container("web", v1, { health: "unhealthy" })] })).toMatchObject({
    phase: "RolledBack",
    message:
      'service "web" runs, but its health check fails; `iot-agent podman logs app_web` shows more: correct the program, or what the deployment gives it, and push; x:2 failed: it is ill',
    services: [{ phase: "Degraded" }],
  });
});

test("what keeps ending says when it is started again, and that it has been", () => {
  const crash = { count: 3, startAt: new Date(2027, 0, 15, 9, 5, 7).toISOString(), exitCode: 4, lastLine: "out of paper" };
  const have = (more: Partial<Container>) => ({ record: { crashes: { web: crash } }, containers: [container("web", v1, more)] });
  expect(reported(v1, have({ state: "exited", stoppedByUser: true, exitCode: 143 }))).toMatchObject({
    phase: "Degraded",
    reason: "CrashLoop",
    message:
      'service "web" keeps ending, last with exit code 4, and is started again at 09:05:07 UTC (try 4); its last line: out of paper; `iot-agent podman logs app_web` shows more: correct the program, or what the deployment gives it, and push',
  });
  // As after `retry`: it is due at once, and is the first try.
  const due = { crashes: { web: { ...crash, count: 0, startAt: new Date(0).toISOString() } } };
  const asked = reported(v1, { record: due, containers: [container("web", v1, { state: "exited", exitCode: 4, restarts: 27 })] });
  expect(asked.message).toContain("and is started again now (try 1)");
  expect(asked.services[0]?.restarts).toBe(0);
  const waiting = reported(v1, have({ state: "exited", exitCode: 4, restarts: 27 }));
  expect([waiting.services[0]?.restarts, waiting.message]).toEqual([3, expect.stringContaining("(try 4)")]);
  expect(reported(v1, have({ startedAtMs: NOW_MS - 1_000 })).message).toBe(
    'service "web" keeps ending, last with exit code 4, and has been started again (try 4); its last line: out of paper; `iot-agent podman logs app_web` shows more: correct the program, or what the deployment gives it, and push',
  );
});

test("what may pass is reported with what serves until the next try", () => {
  const setback = {
    service: "web",
    reason: "PortInUse",
    why: "host port 9090 is held",
    at: new Date(NOW_MS - 5_000).toISOString(),
    count: 1,
  };
  const next = container("web", v2, { name: "app_web.next", state: "created", startedAtMs: null });
  expect(reported(v2, { ...proved(v1, { trial: trial(v2, { setback }) }), containers: [container("web", v1), next] })).toMatchObject({
    phase: "Blocked",
    reason: "PortInUse",
    message: "host port 9090 is held; x:1 keeps running",
    recheckAfterMs: 10_000,
  });
});

test("an explanation says what was seen and what would be done", () => {
  const want = desired(v2);
  const seen = snapshot({ absent: ["x:2"], containers: [container("web", v1)] });
  expect(explain(want, seen, plan(want, seen))).toMatchObject({
    observed: [
      'container "app_web" of x:1 (revision 1) runs since 2027-01-15 07:00:00 UTC',
      "image docker.io/library/x:2 is not on the device",
      "no limit of memory (resources.memory): web",
    ],
    planned: [
      'pulling image "x:2"',
      'creating container "app_web.next"',
      "recording in the journal that a new version is on trial",
      'stopping container "app_web"',
      'starting container "app_web.next"',
      'renaming container "app_web"',
      'renaming container "app_web.next"',
    ],
    blocked: [],
  });
});

test("the worst of the services speaks for the deployment", () => {
  const trio = { services: ["a", "b", "c"].map((name) => ({ name, image: "x:1" })) };
  const result = reported(trio, {
    networks: ["app_default"],
    containers: [
      container("a", trio),
      container("b", trio, { health: "unhealthy" }),
      container("c", trio, { health: "starting", upMs: 1_000 }),
    ],
  });
  expect(result).toMatchObject({
    phase: "Degraded",
    reason: "Unhealthy",
    services: [{ phase: "Running" }, { phase: "Degraded" }, { phase: "Starting" }],
  });
});

test.each([
  ["<jemalloc>: Unsupported system page size", "Aborted (core dumped)"],
  ["error while loading shared libraries: libx.so: ELF load command alignment not page-aligned"],
])("a program that cannot live with the kernel's pages says so by %s, and the report has its cure", (...lastLines) => {
  const ended = container("web", v1, { state: "exited", exitCode: 134, exitedAtMs: NOW_MS - 1_000, lastLines });
  const device = { id: "d", labels: {}, bootId: "boot-1", pageBytes: 16_384 };
  const report = reported(v1, { ...proved(v1), device, images: ["x:1"], containers: [ended] });
  expect(report).toMatchObject({ phase: "Degraded", reason: "PageSize" });
  expect(report.message).toMatch(/memory pages \(16 KiB\): use an image that is, or, on a Raspberry Pi 5, put `kernel=kernel8\.img`/);
  expect(reported(v1, { ...proved(v1), images: ["x:1"], containers: [{ ...ended, lastLines: ["out of paper"] }] }).reason).toBe(
    "Restarting",
  );
});

const checked = { services: [{ name: "web", image: "x:1", healthcheck: { test: "curl x", interval: "3s", timeout: "2s", retries: 2 } }] };
const never = { services: [{ name: "web", image: "x:1", healthcheck: { test: "true", interval: "0s", timeout: "2s" } }] };

test.each<readonly [string, object, Partial<Container>, string]>([
  ["is awaited", checked, { health: "starting", upMs: 15_000 }, 'service "web" runs and is not yet healthy'],
  [
    "hangs from the start",
    checked,
    { health: "starting", upMs: 15_001 },
    'service "web" runs, but its health check has not answered within 15 s: it hangs, or is not run; try it by hand, and correct it, or its timeout',
  ],
  [
    "hangs after it was healthy",
    checked,
    { health: "healthy", silentMs: 15_001, lastCheck: { exitCode: 0, output: "" } },
    'service "web" runs, but its health check has not answered within 15 s: it hangs, or is not run (exit code 0); try it by hand, and correct it, or its timeout',
  ],
  [
    "never runs",
    never,
    { health: "starting", upMs: 60_000 },
    'service "web" runs, but its health check never runs, since its interval is 0s: give it an interval, or write `healthcheck: none`',
  ],
  [
    "fails, with what it said",
    checked,
    { health: "unhealthy", lastCheck: { exitCode: 127, output: "sh: curl: not found\n" }, lastLines: ["listening"] },
    'service "web" runs, but its health check fails (exit code 127: sh: curl: not found); `iot-agent podman logs app_web` shows more: correct the program, or what the deployment gives it, and push',
  ],
])("a health check that %s", (_, data, more, message) => {
  expect(reported(data, { ...proved(data), images: ["x:1"], containers: [container("web", data, more)] }).message).toBe(message);
});
