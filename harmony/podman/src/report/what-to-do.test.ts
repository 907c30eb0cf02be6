// The promise of docs/runbooks/card.md: a sentence about something that is wrong ends in what to do.
// It is looked for behind every failure of Podman at every step, and in every report of the stored
// snapshots of v0.1.0.

import { clausesOf, type Phase } from "@harmony/core";
import { readGoldens } from "@iot/testkit";
import * as z from "zod/mini";
import { expect, test } from "vitest";
import { APPLICATION } from "../../test/application.ts";
import { desiredOf, GOLDENS_FILE, Input, plan, snapshotOf } from "../../test/goldens/adapter.ts";
import { outcomeOf } from "../apply/failure.ts";
import { PodmanError, type PodmanErrorCode } from "../libpod/podman-error.ts";
import type { Step } from "../model/step.ts";
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

const WRONG: readonly Phase[] = ["Blocked", "Degraded", "Failed", "Held"];

test("in every report about something that is wrong", () => {
  const without: string[] = [];
  const reasons = new Set<string>();
  for (const { input } of readGoldens(GOLDENS_FILE)) {
    const { desired, snapshot: stored } = z.parse(Input, input);
    const snapshot = snapshotOf(stored);
    // What was written down before has its own words.
    if (snapshot.record.verdict !== null || (snapshot.record.trial?.setback ?? null) !== null) continue;
    const want = desiredOf(desired);
    const { phase, reason, message } = report({ desired: want, snapshot, plan: plan(want, snapshot), outcomes: [], doing: null });
    if (!WRONG.includes(phase)) continue;
    reasons.add(reason);
    if (clausesOf(message).todo === null) without.push(`${reason}: ${message}`);
  }
  expect([...new Set(without)]).toEqual([]);
  for (const reason of ["CrashLoop", "Exited", "Restarting", "Unhealthy", "NetworkLost", "Held", "Paused", "StoppedByHand", "PortInUse"])
    expect([...reasons]).toContain(reason);
}, 60_000);
