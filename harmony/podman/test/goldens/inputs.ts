// Inputs of the goldens, made from a seed: some Score in force in the model world, and then events
// that may happen to a device on the way to another. Each case of the planner's tables is also
// driven until nothing is left to do, and cut short after each step of its first passes.

import * as fc from "fast-check";
import { applyStep, type Fate, type Fates, pass, powerCut } from "../model-world.ts";
import { container, NOW_MS, scoreString, snapshot, version } from "../scene.ts";
import {
  type Container,
  desiredOf,
  imageReference,
  type Input,
  plan,
  scoreOfLabel,
  type Snapshot,
  snapshotOf,
  storedOf,
} from "./adapter.ts";

export interface NamedInput {
  readonly name: string;
  readonly input: Input;
}

const PASSES = 8;
const PASSES_THAT_ARE_CUT = 3;
const SEED = 20_260_101;
const IMAGES = ["x:1", "x:2", "x:3"] as const;
const FATES: readonly Fate[] = ["stays up", "ends", "is restarted", "is unhealthy", "cannot be started"];

/**
 * The snapshot at the beginning of each pass, and after each step at which the first passes may be
 * cut short.
 */
export function driven({ name, input }: NamedInput): NamedInput[] {
  return FATES.flatMap((fate) => {
    const fates: Fates = fate === "stays up" ? {} : { "x:2": fate };
    const found: NamedInput[] = [];
    let now = snapshotOf(input.snapshot);
    for (let index = 0; index < PASSES; index += 1) {
      const { seen, end } = passOf(input.desired, now, fates);
      if (index < PASSES_THAT_ARE_CUT) seen.forEach((cut, at) => found.push(named(`cut at ${at} of pass ${index}`, pass(cut, fates))));
      seen.forEach((cut, at) => index === 0 && found.push(named(`power cut at ${at}`, pass(powerCut(cut), fates))));
      if (end === null) break;
      found.push(named(`pass ${index + 1}`, end));
      now = end;
    }
    return found;
    function named(what: string, of: Snapshot): NamedInput {
      return { name: `${what} of ${name}, the new version ${fate}`, input: { desired: input.desired, snapshot: storedOf(of) } };
    }
  });
}

/**
 * `seen`: after each of its steps. `end` null: nothing was done, or the model world refuses a step
 * that this snapshot leads to.
 */
function passOf(wanted: Input["desired"], start: Snapshot, fates: Fates): { seen: Snapshot[]; end: Snapshot | null } {
  const seen: Snapshot[] = [];
  const { steps } = plan(desiredOf(wanted), start);
  try {
    steps.reduce((now, step) => {
      const next = applyStep(now, step);
      seen.push(next);
      return next;
    }, start);
  } catch {
    return { seen, end: null };
  }
  const last = seen.at(-1);
  return { seen, end: last === undefined ? null : pass(last, fates) };
}

const oneIn = <Value>(times: number, arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

const service = (name: string) =>
  fc.record(
    {
      name: fc.constant(name),
      image: fc.constantFrom(...IMAGES),
      pull: fc.constantFrom("missing", "newer", "never"),
      restart: fc.constantFrom("always", "unless-stopped", "on-failure:2", "no"),
      volumes: fc.constantFrom([], ["data:/data"], ["data:/data:ro", "/srv/in:/in"]),
      tmpfs: fc.constantFrom([], ["/run:size=1m"]),
      files: fc.constantFrom([], [{ path: "/etc/app.toml", content: "a = 1\n" }], [{ path: "/etc/app.toml", content: "a = 2\n" }]),
      secrets: fc.constantFrom([], [{ name: "key" }], [{ name: "key", path: "/etc/key" }, { name: "other" }]),
      devices: fc.constantFrom([], ["/dev/ttyUSB0:/dev/meter"]),
      env: fc.constantFrom({}, { A: "1" }, { ID: { device: "id" }, SITE: { device: "labels.site" } }, { KEY: { secret: "key" } }),
      healthcheck: fc.constantFrom({ test: "true" }, { test: ["CMD", "true"], interval: "1m", onFailure: "restart", startPeriod: "10s" }),
      resources: fc.constantFrom({ memory: "64Mi" }, { memory: "1Gi", cpus: 0.5, pids: 100 }),
      stopTimeoutSeconds: fc.constantFrom(0, 7, 400),
      capDrop: fc.constantFrom([], ["NET_RAW"]),
      logging: fc.constantFrom({ driver: "k8s-file" }, { driver: "none" }),
      init: fc.boolean(),
      readOnly: fc.boolean(),
    },
    { requiredKeys: ["name", "image"] },
  );

/** Each service may hold one of three ports; no two of one Score hold the same. */
const score = fc
  .record({
    services: fc.subarray(["a", "b", "web"], { minLength: 1 }).chain((names) => fc.tuple(...names.map(service))),
    ports: fc.shuffledSubarray(["81:80", "82:80/udp", "127.0.0.1:83:80", null, null, null], { minLength: 6, maxLength: 6 }),
  })
  .map(({ services, ports }) => ({
    services: services.map((one, index) => {
      const port = ports[index] ?? null;
      return port === null ? one : { ...one, ports: [port] };
    }),
  }));

const secretFact = fc.constantFrom(
  { kind: "present", digest: "0123456789abcdef0123" } as const,
  { kind: "present", digest: "fedcba98765432100123" } as const,
  { kind: "absent" } as const,
  { kind: "unreadable" } as const,
);
const host = fc.record({
  secrets: fc.record({ key: secretFact, other: secretFact }),
  devices: fc.record({
    "/dev/ttyUSB0": fc.constantFrom(
      { kind: "present", sinceMs: 0 } as const,
      { kind: "present", sinceMs: NOW_MS + 30_000 } as const,
      { kind: "absent" } as const,
      { kind: "no-device" } as const,
      { kind: "denied", group: "dialout" } as const,
      { kind: "denied", group: null } as const,
    ),
  }),
  paths: fc.record({
    "/srv/in": fc.constantFrom(
      { kind: "present", real: "/srv/in" } as const,
      { kind: "present", real: "/srv/elsewhere" } as const,
      { kind: "absent" } as const,
      { kind: "denied" } as const,
    ),
  }),
  mountsFolder: fc.constant("/var/lib/iot-agent/mounts"),
  mounts: fc.subarray(["app_web.00000000000000000000"]),
  secretsFolder: fc.constant("/etc/iot-agent/secrets"),
});
const HEALTHY_HOST: Snapshot["host"] = {
  secrets: { key: { kind: "present", digest: "0123456789abcdef0123" }, other: { kind: "present", digest: "abcdefabcdefabcdef01" } },
  devices: { "/dev/ttyUSB0": { kind: "present", sinceMs: 0 } },
  paths: { "/srv/in": { kind: "present", real: "/srv/in" } },
  mountsFolder: "/var/lib/iot-agent/mounts",
  mounts: [],
  secretsFolder: "/etc/iot-agent/secrets",
};

const incident = fc.record({
  detail: fc.constant("layer is damaged"),
  container: fc.constantFrom("app_web", "app_web.next"),
  next: fc.constantFrom("recreate", "refetch", "clear", "repair", "exhausted"),
  tried: fc.constant([]),
  foundMs: fc.constant(1_000),
});
const care = fc.record({
  incidents: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.record({ web: incident }) }),
  notes: fc.constantFrom([], ['image "x:1" is not whole']),
  verified: fc.constantFrom([], ["id"]),
  room: fc.constantFrom({}, { [imageReference("x:2")]: { freeBytes: 90_000_000, neededBytes: 200_000_000 } }),
  shortBytes: fc.constantFrom(0, 0, 1_000),
  unused: fc.constantFrom([], [{ id: "old", name: "a:1", sizeBytes: 60_000_000 }]),
});

/** The changes that a container may have had while nobody looked. */
const befallen = fc.record(
  {
    state: fc.constantFrom<Container["state"]>("created", "running", "paused", "stopping", "exited", "broken"),
    stoppedByUser: fc.boolean(),
    exitCode: fc.constantFrom(0, 1, 127, 137),
    restarts: fc.nat(3),
    recentRestarts: fc.nat(6),
    health: fc.constantFrom<Container["health"]>("none", "starting", "healthy", "unhealthy"),
    hasLostNetwork: fc.boolean(),
    lastLines: fc.constantFrom([], ["out of paper"], ["sh: exec format error"]),
    upMs: fc.constantFrom(0, 5_000, 60_000, 600_000),
    startedAtMs: fc.constantFrom(null, NOW_MS - 1_000, NOW_MS - 700_000),
    exitedAtMs: fc.constantFrom(null, NOW_MS - 500, NOW_MS - 60_000),
  },
  { requiredKeys: [] },
);

const crash = fc.record({
  count: fc.integer({ min: 0, max: 9 }),
  startAt: fc.constantFrom(-400_000, -5_000, 5_000, 900_000).map((ms) => new Date(NOW_MS + ms).toISOString()),
  exitCode: fc.constantFrom(0, 3),
  lastLine: fc.constantFrom("", "out of paper"),
});

const story = fc.record({
  before: score,
  after: score,
  images: fc.subarray([...IMAGES], { minLength: 1 }),
  /** The passes that the world had made on the way to each. */
  passesBefore: fc.integer({ min: 0, max: 4 }),
  passesAfter: fc.integer({ min: 0, max: 3 }),
  cut: fc.nat(8),
  fate: fc.constantFrom(...FATES),
  isPowerCut: fc.nat(3).map((number) => number === 0),
  changes: fc.oneof(fc.constant([]), fc.array(befallen, { maxLength: 3 })),
  crashes: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.record({ web: crash }) }),
  setback: oneIn(4, fc.record({ sinceMs: fc.constantFrom(1_000, 20_000), count: fc.integer({ min: 1, max: 4 }) })),
  isCondemned: fc.nat(3).map((number) => number === 0),
  hosts: oneIn(4, host),
  care: oneIn(4, care),
  other: oneIn(4, score),
  secretStore: fc.constantFrom<Snapshot["secretStore"]>(
    ...Array.from({ length: 15 }, () => ({ kind: "in-order" }) as const),
    { kind: "damaged", folder: "/secrets", detail: "secrets.json cannot be read", isMendable: true },
    { kind: "damaged", folder: "/secrets", detail: "secrets.json cannot be read", isMendable: false },
  ),
  controllers: fc.subarray(["cpu", "memory", "pids"]),
  labels: fc.constantFrom({}, { site: "vienna" }),
  isRemoval: fc.nat(19).map((number) => number === 0),
  hold: oneIn(15, fc.constant({ reason: "calibration", until: new Date(NOW_MS + 3_600_000).toISOString() })),
});
type Story = typeof story extends fc.Arbitrary<infer Value> ? Value : never;

export function generated(count: number): NamedInput[] {
  return fc.sample(story, { seed: SEED, numRuns: count }).map((each, index) => ({ name: `generated ${index}`, input: told(each) }));
}

function told(of: Story): Input {
  const wanted = (data: unknown, revision: string): Input["desired"] => ({
    name: "app",
    revision,
    scoreString: scoreString(data),
    isRemoval: false,
    hold: null,
  });
  const fates: Fates = { "x:2": of.fate };
  const all = Object.fromEntries(IMAGES.map((image) => [imageReference(image), { id: "id", digest: "sha256:d" }]));
  let now = snapshot({
    host: HEALTHY_HOST,
    device: { id: "pi-01", labels: { site: "vienna" }, bootId: "boot-1" },
    policy: { hostPaths: ["/srv/**"], devices: ["/dev/**"], hostNetwork: false, capabilities: [], file: "/etc/iot-agent/config.toml" },
  });
  now = { ...now, images: all };
  for (let index = 0; index < of.passesBefore; index += 1) now = passOf(wanted(of.before, "1"), now, {}).end ?? now;
  now = { ...now, images: Object.fromEntries(IMAGES.map((image) => [imageReference(image), imageOf(of, image)])) };
  const last = wanted(of.after, "2");
  for (let index = 0; index < of.passesAfter; index += 1) now = passOf(last, now, fates).end ?? now;
  now = passOf(last, now, fates).seen[of.cut] ?? now;
  if (of.isPowerCut) now = powerCut(now);
  return {
    desired: { ...last, isRemoval: of.isRemoval, hold: of.hold },
    snapshot: storedOf({
      ...now,
      record: recordOf(of, now),
      containers: [...changed(now, of.changes), ...others(of.other)],
      host: of.hosts === null ? now.host : { ...of.hosts, mounts: [...of.hosts.mounts, ...now.host.mounts] },
      imageFacts: of.care ?? now.imageFacts,
      secretStore: of.secretStore,
      secrets: of.secretStore.kind === "in-order" ? now.secrets : null,
      controllers: of.controllers,
      device: { ...now.device, labels: of.labels },
    }),
  };
}

function imageOf({ images }: Story, image: (typeof IMAGES)[number]): Snapshot["images"][string] {
  return images.includes(image) ? { id: "id", digest: "sha256:d" } : null;
}

/** Changes some containers from how they were left. */
function changed({ containers }: Snapshot, changes: Story["changes"]): Container[] {
  return containers.map((one, index) => ({ ...one, ...changes[index] }));
}

function others(data: Story["other"]): Container[] {
  const [first] = data?.services ?? [];
  return first === undefined ? [] : [container(first.name, data, { deployment: "other" })];
}

function recordOf({ setback, crashes, isCondemned, after }: Story, { record, nowMs }: Snapshot): Snapshot["record"] {
  const { trial } = record;
  const failure = { service: "web", reason: "PortInUse", why: "host port 9090 is held" };
  const hadSetback = setback && { ...failure, at: new Date(nowMs - setback.sinceMs).toISOString(), count: setback.count };
  const isKnownGood =
    record.good !== null && scoreOfLabel(record.good.scoreString) !== null && record.good.scoreString !== scoreString(after);
  const verdict = { of: version(after, "2"), at: new Date(nowMs - 1_000).toISOString(), reason: "Exited", message: "x:2 failed" };
  return {
    ...record,
    crashes: { ...record.crashes, ...crashes },
    trial: trial && { ...trial, setback: trial.setback ?? hadSetback },
    verdict: isCondemned && isKnownGood && trial === null ? verdict : record.verdict,
  };
}
