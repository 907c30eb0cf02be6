// The promise of docs/runbooks/card.md: a sentence about something that is wrong ends in what to do.
// It is looked for behind every failure of Podman at every step, and in each report about something
// that is wrong.

import { clausesOf } from "@harmony/core";
import { expect, test } from "vitest";
import { APPLICATION } from "../../test/application.ts";
import { container, desired, NOW_MS, proved, snapshot } from "../../test/scene.ts";
import { outcomeOf } from "../apply/failure.ts";
import { PodmanError, type PodmanErrorCode } from "../libpod/podman-error.ts";
import type { Container } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { SwapRecord } from "../model/swap-record.ts";
import { plan } from "../plan/planner.ts";
import { report } from "./report.ts";

const CODES: Readonly<Record<PodmanErrorCode, string>> = {
  "image-not-found": "manifest unknown",
  "image-name-invalid": "invalid reference format",
  "wrong-architecture": "no image found in manifest list for architecture arm",
  "registry-unreachable": "dial tcp: i/o timeout",
  "registry-denied": "unauthorized",
  "registry-busy": "toomanyrequests",
  "port-in-use": "rootlessport listen tcp 0.0.0.0:8080: bind: address already in use",
  "address-missing": "rootlessport listen tcp 10.0.0.9:80: bind: cannot assign requested address",
  "routes-refused": "Couldn't set IPv4 route(s) in guest",
  "network-half-made": "aardvark-dns failed to start",
  "ulimit-refused": "setrlimit `RLIMIT_NOFILE`: Operation not permitted",
  "sysctl-refused": "open `/proc/sys/net/ipv4/ip_forward`: Read-only file system",
  "group-missing": "unable to find group dialout",
  "source-missing": "statfs /srv/data: no such file or directory",
  damaged: "layer not known",
  "disk-full": "no space left on device",
  conflict: "the name is in use",
  "not-found": "no such container",
  unreachable: "connect ENOENT",
  "bad-answer": "",
  failed: "OCI runtime error",
};

const STEPS: readonly Step[] = [
  { kind: "pull", service: "web", image: "x:1", reference: "docker.io/library/x:1", policy: "missing" },
  { kind: "start", service: "web", container: "app_web", patienceMs: 0, trial: null },
  { kind: "stop", service: "web", container: "app_web", timeoutSeconds: 300 },
];

const failures = Object.entries(CODES).flatMap(([code, detail]) => STEPS.map((step) => ({ code, detail, step })));

test.each(failures)("after $code at a $step.kind", ({ code, detail, step }) => {
  const known = Object.keys(CODES).find((one): one is PodmanErrorCode => one === code);
  if (known === undefined) throw new Error(`no code ${code}`);
  const outcome = outcomeOf(step, new PodmanError("failed", { code: known, detail }), APPLICATION);
  const message = "message" in outcome ? outcome.message : null;
  expect(message === null ? "nothing is wrong" : clausesOf(message).todo).not.toBeNull();
});

test.each([
  ["rootlessport cannot expose privileged port 80, you can add 'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf", "80"],
  ["pasta failed with exit code 1: Failed to bind port 443 (Permission denied) for option '-t 443-443:443-443'", "443"],
])("a low port is repaired as doctor says: %s", (detail, port) => {
  const step = { kind: "start", service: "web", container: "app_web", patienceMs: 0, trial: null } as const;
  const outcome = outcomeOf(step, new PodmanError("failed", { code: "failed", detail }), APPLICATION);
  expect(outcome).toMatchObject({
    reason: "StartFailed",
    message: expect.stringContaining(`ip_unprivileged_port_start=${port} `) as unknown,
  });
});

const web = { services: [{ name: "web", image: "x:1" }] };
const once = { services: [{ name: "web", image: "x:1", restart: "no" }] };
const crash = { count: 3, startAt: new Date(NOW_MS + 60_000).toISOString(), exitCode: 4, lastLine: "out of paper" };
const ended = { state: "exited", exitCode: 1, exitedAtMs: NOW_MS - 60_000 } as const;

test.each<[reason: string, wanted: unknown, more: Partial<Container>, record: Partial<SwapRecord>]>([
  ["CrashLoop", web, ended, { crashes: { web: crash } }],
  ["Exited", once, ended, {}],
  ["Restarting", web, { restarts: 4, startedAtMs: NOW_MS - 1_000 }, {}],
  ["Unhealthy", web, { health: "unhealthy" }, {}],
  ["NetworkLost", web, { hasLostNetwork: true }, {}],
  ["Paused", web, { state: "paused" }, {}],
])("a report of %s", (expected, wanted, more, record) => {
  const want = desired(wanted);
  const seen = snapshot({ ...proved(wanted, record), images: ["x:1"], containers: [container("web", wanted, more)] });
  const { reason, message } = report({ desired: want, snapshot: seen, plan: plan(want, seen), outcomes: [], doing: null });
  expect(reason).toBe(expected);
  expect(clausesOf(message)).not.toMatchObject({ todo: null });
});
