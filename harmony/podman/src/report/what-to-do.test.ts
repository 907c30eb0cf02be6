// The promise of docs/runbooks/card.md: a sentence about something that is wrong ends in what to
// do. It is looked for behind every failure of Podman at every step, in each obstacle, and in each
// report about something that is wrong; and no reason of the list is left out.

import { clausesOf, type Hold } from "@harmony/core";
import { expect, test } from "vitest";
import { APPLICATION } from "../../test/application.ts";
import { container, desired, type Have, NOW_MS, parsed, proved, snapshot, version } from "../../test/scene.ts";
import { notStored } from "../apply/execute.ts";
import { outcomeOfInputs } from "../apply/execute-inputs.ts";
import { outcomeOf } from "../apply/failure.ts";
import { PodmanError, type PodmanErrorCode } from "../libpod/podman-error.ts";
import { NO_IMAGE_FACTS } from "../model/image-facts.ts";
import { NO_INPUT_FACTS, secretStoreDamaged } from "../model/input-facts.ts";
import { PODMAN_REASONS, type Reason } from "../model/reason.ts";
import type { Container } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import { plan } from "../plan/planner.ts";
import { markBad } from "../plan/trial.ts";
import { volumesOfOthers } from "../plan/volume-obstacle.ts";
import { StorageError } from "../store/stored-file.ts";
import { report } from "./report.ts";

interface Saying {
  readonly what: string;
  readonly reason: string;
  readonly message: string;
}

const CODES: Readonly<Record<PodmanErrorCode, string>> = {
  "image-not-found": "manifest unknown",
  "image-name-invalid": "invalid reference format",
  "wrong-architecture": "no image found in manifest list for architecture arm",
  "registry-unreachable": "dial tcp: i/o timeout",
  "registry-denied": "unauthorized",
  "registry-busy": "toomanyrequests",
  "registry-untrusted": "tls: failed to verify certificate: x509: certificate signed by unknown authority",
  "image-not-trusted": "Source image rejected: A signature was required, but no signature exists",
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

const PODMAN_SAYS: readonly Saying[] = Object.entries(CODES).flatMap(([code, detail]) =>
  STEPS.flatMap((step): Saying[] => {
    const known = Object.keys(CODES).find((one): one is PodmanErrorCode => one === code);
    if (known === undefined) throw new Error(`no code ${code}`);
    const outcome = outcomeOf(step, new PodmanError("failed", { code: known, detail }), APPLICATION);
    return "reason" in outcome ? [{ what: `${code} at a ${step.kind}`, reason: outcome.reason, message: outcome.message }] : [];
  }),
);

const CREATE: Step = plan(
  desired({ services: [{ name: "web", image: "x:1" }] }),
  snapshot({ images: ["x:1"], networks: ["app_default"] }),
).steps.find(({ kind }) => kind === "create") ?? { kind: "rename", service: "web", container: "app_web.next", to: "app_web" };
const INIT_MISSING = outcomeOf(CREATE, new PodmanError("failed", { code: "failed", detail: "catatonit: no such file" }), APPLICATION);
const IN_THE_WAY = outcomeOf(CREATE, new PodmanError("failed", { code: "conflict", detail: "the name is in use" }), APPLICATION);

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

const wants = (more: object) => ({ services: [{ name: "web", image: "x:1", ...more }] });
const HOLD = { until: new Date(NOW_MS + 3_600_000).toISOString(), reason: "calibration" };
const DAMAGED = { next: "exhausted", detail: "layer not known", container: "app_web", tried: [], foundMs: NOW_MS } as const;

const REPORTS: readonly (readonly [reason: string, wanted: unknown, more: Partial<Container> | null, have: Have, hold?: Hold])[] = [
  ["CrashLoop", web, ended, { record: { crashes: { web: crash } } }],
  ["Exited", once, ended, {}],
  ["Restarting", web, { restarts: 4, startedAtMs: NOW_MS - 1_000 }, {}],
  ["Unhealthy", web, { health: "unhealthy" }, {}],
  ["NetworkLost", web, { hasLostNetwork: true }, {}],
  ["Paused", web, { state: "paused" }, {}],
  ["StoppedByHand", wants({ restart: "no" }), { ...ended, stoppedByUser: true }, {}],
  ["PageSize", once, { ...ended, lastLines: ["<jemalloc>: Unsupported system page size"] }, {}],
  ["Held", web, null, {}, HOLD],
  ["LabelMissing", wants({ env: { SITE: { device: "labels.site" } } }), null, {}],
  ["SecretMissing", wants({ env: { TOKEN: { secret: "token" } } }), null, {}],
  [
    "SecretMissing",
    wants({ secrets: [{ name: "token", path: "/t" }] }),
    null,
    { host: { ...NO_INPUT_FACTS, secrets: { token: { kind: "unreadable" } } } },
  ],
  ["DeviceMissing", wants({ devices: ["/dev/ttyUSB0"] }), null, {}],
  [
    "DeviceMissing",
    wants({ devices: ["/dev/null2"] }),
    null,
    { host: { ...NO_INPUT_FACTS, devices: { "/dev/null2": { kind: "no-device" } } } },
  ],
  ...[null, "dialout"].map(
    (group) =>
      [
        "DeviceDenied",
        wants({ devices: ["/dev/ttyUSB0"] }),
        null,
        { host: { ...NO_INPUT_FACTS, devices: { "/dev/ttyUSB0": { kind: "denied", group } } } },
      ] as const,
  ),
  ["HostPathMissing", wants({ volumes: ["/srv/data:/data"] }), null, {}],
  [
    "HostPathDenied",
    wants({ volumes: ["/srv/data:/data"] }),
    null,
    { host: { ...NO_INPUT_FACTS, paths: { "/srv/data": { kind: "denied" } } } },
  ],
  [
    "PolicyDenied",
    wants({ volumes: ["/srv/data:/data"] }),
    null,
    { host: { ...NO_INPUT_FACTS, paths: { "/srv/data": { kind: "present", real: "/root" } } } },
  ],
  ["ImageDamaged", web, null, { imageFacts: { ...NO_IMAGE_FACTS, incidents: { web: DAMAGED } } }],
  [
    "DiskFull",
    web,
    null,
    {
      images: [],
      absent: ["x:1"],
      imageFacts: { ...NO_IMAGE_FACTS, room: { "docker.io/library/x:1": { freeBytes: 1, neededBytes: 2_000_000 } } },
    },
  ],
  ["ImageNotFound", wants({ pull: "never" }), null, { images: [], absent: ["x:1"] }],
  ["ImageNotFound", { services: [{ name: "web", image: "localhost/x:1" }] }, null, { images: [], absent: ["localhost/x:1"] }],
];

const REPORTED: readonly Saying[] = REPORTS.map(([what, wanted, more, have, hold]) => {
  const want = desired(wanted, hold === undefined ? {} : { hold });
  const containers = more === null ? [] : [container("web", wanted, more)];
  const record = { ...proved(wanted).record, ...have.record };
  const seen = snapshot({
    ...proved(wanted),
    images: ["x:1"],
    containers,
    networks: ["app_default"],
    ...have,
    record: more === null ? {} : record,
  });
  const { reason, message } = report({ desired: want, snapshot: seen, plan: plan(want, seen), outcomes: [], doing: null });
  return { what, reason, message };
});

test.each(REPORTED)("a report of $what is made", ({ what, reason }) => {
  expect(reason).toBe(what);
});

/** What the planner writes down of a version that has failed. */
function verdictOf(reason: Reason): Saying {
  const target = { kind: "desired", score: parsed(web), ...version(web) } as const;
  const failure = { service: "", reason, why: "the device went down 3 times while it was tried" };
  const { record } = markBad({
    deployment: "app",
    target,
    failure,
    lastLines: [],
    record: snapshot().record,
    nowMs: NOW_MS,
    application: APPLICATION,
  });
  return { what: `a verdict of ${reason}`, reason, message: record?.verdict?.message ?? "" };
}

const OTHER_VOLUME = parsed(wants({ volumes: ["data:/data"] })).services.flatMap((service) =>
  volumesOfOthers(
    service,
    { deployment: "app", owner: "git:a/default" },
    snapshot({ volumes: ["app_data"], record: { volumes: { app_data: "git:b/default" } } }),
  ),
);

const REMOVE_FILES = { kind: "removeMounts", folder: "f" } as const;
const NO_FILES = [
  new PodmanError("failed", { code: "failed", detail: "no" }),
  new PodmanError("failed", { code: "failed", detail: "unexpected end of JSON input" }),
  Object.assign(new Error("EIO: i/o error"), { code: "EIO" }),
  Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }),
].map((error) => outcomeOfInputs(REMOVE_FILES, error, APPLICATION));
const JOURNAL = { kind: "journal", deployment: "app", record: null, why: "the version is good" } as const;
const NOT_STORED = notStored(JOURNAL, new StorageError("/var/lib/iot-agent/swaps/app.json: EROFS"));

const SAID: readonly Saying[] = [
  ...PODMAN_SAYS,
  ...[INIT_MISSING, IN_THE_WAY].flatMap((outcome) => ("reason" in outcome ? [{ what: "a container is made", ...outcome }] : [])),
  ...REPORTED,
  verdictOf("DeviceWentDown"),
  ...OTHER_VOLUME.map((blocked) => ({ what: "a volume", ...blocked })),
  { what: "the store of secrets", reason: "SecretStoreDamaged", message: secretStoreDamaged(APPLICATION) },
  ...[...NO_FILES, NOT_STORED].flatMap((outcome) => ("reason" in outcome ? [{ what: "files and the journal", ...outcome }] : [])),
];

test.each(SAID)("$what, $reason: what to do", ({ message }) => {
  expect(message).not.toBe("");
  expect(clausesOf(message)).not.toMatchObject({ todo: null });
});

/** What is as it should be, or on its way. */
const WELL: readonly Reason[] = [
  "Busy",
  "Pending",
  "Pulling",
  "Starting",
  "Stopping",
  "Running",
  "Completed",
  "OnTrial",
  "MakingRoom",
  "Removing",
  "Removed",
  "ImageSuspect",
];

test("no reason is left out", () => {
  const looked = new Set<string>([...WELL, ...SAID.map(({ reason }) => reason)]);
  expect(PODMAN_REASONS.filter((reason) => !looked.has(reason))).toEqual([]);
});
