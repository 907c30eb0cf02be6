// The agent is killed at each moment of a swap and of the way back, one by one, and at every other
// kind of step that a plan may have: just before it takes the step, and again just after. systemd
// starts it again, and it ends in the version that was pushed last, or that it went back to, with
// no other container touched and none left over. Steps on Podman are caught on their way to
// Podman's socket. Steps on the device's disk are caught as their files appear or, where the moment
// has to be exact, by a pipe in the file's place. The moments are the product's own list, which its
// planner holds. A kind of step for which none is named here does not compile, and one that is not
// killed at is named below with its reason.

import { once } from "node:events";
import { constants, openSync, watch } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { rollBackMoments, type StepKind, type SwapMoment, swapMoments } from "@harmony/podman";
import { errorText } from "@harmony/runtime";
import { eventually, type Interceptor, makeImage, type Registry, startInterceptor, startRegistry } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FaultWorld } from "../world/fault-world.ts";

const WEB = 8080;
const WAIT_MS = 40_000;
const PROXY = "/run/intercepted.sock";
const STATE = "/var/lib/iot-agent";

let world: FaultWorld;
let registry: Registry;
let podman: Interceptor;
let untouched: unknown;
/** The image and version of `web` that were pushed last. */
let image = "";
let version = "";

beforeAll(async () => {
  world = await FaultWorld.start({
    agentConfig: `\n[podman]\nsocket = "${PROXY}"\n`,
    beforeAgent: async (device) => {
      registry = await startRegistry({ host: device.hostAddress });
      await device.trustRegistry(registry.address);
      // Podman reads which registries to trust when it starts.
      await device.exec(["systemctl", "--user", "stop", "podman.service"], { user: "iot-agent" });
      podman = await startInterceptor({ listen: device.pathOnHost(PROXY), target: device.podmanSocket });
    },
  });
  await shell("echo 'a secret' | install -m 0640 -g iot-agent /dev/stdin /etc/iot-agent/secrets/key");
  // The agent makes these folders with their first file; a watch needs them before.
  await shell(`cd ${STATE} && install --directory --owner=iot-agent --group=iot-agent --mode=0700 swaps start mounts`);
  await world.podman("run", "--detach", "--name", "foreign", world.device.image("1"));
  await world.pushFiles({ "steady.yaml": deployment("steady", [{ name: "hello", image: world.device.image("1"), ports: ["8082:80"] }]) });
  await pushOther();
  await settled(["steady_hello"]);
  untouched = await bystanders();
});
afterAll(async () => {
  await podman?.stop();
  await world?.stop();
  await registry?.stop();
});

function deployment(name: string, services: readonly object[]): string {
  const spec = { targetDevices: [world.device.id], score: { type: "PodmanV0", data: { services } }, rollout: { strategy: "Immediate" } };
  return JSON.stringify({ apiVersion: "iot.nationtech.io/v1alpha1", kind: "Deployment", metadata: { name }, spec });
}

async function bystanders() {
  return (await world.containers()).filter(({ name }) => name === "foreign" || name === "steady_hello");
}

/**
 * The expected version answers, no container of another is left, and the agent has nothing under
 * way.
 */
async function settled(others: readonly string[] = [], says = /^connected to NATS .*, 2 of 2 deployments running$/m): Promise<void> {
  await world.answers(WEB, `service=hello version=${version}`);
  await eventually(
    async () => {
      const found = (await world.containers()).filter(({ name }) => name.startsWith("web_"));
      expect(found.map(({ name }) => name)).toEqual(["web_hello", ...others.filter((name) => name.startsWith("web_"))]);
      expect(found[0]).toMatchObject({ image, state: "running" });
      return true;
    },
    { what: "the right containers", timeoutMs: WAIT_MS, intervalMs: 200 },
  );
  await world.statusSays(says);
}

async function pushWeb(more: object = {}, others: readonly object[] = []): Promise<void> {
  const hello = { name: "hello", image, ports: [`${WEB}:80`], stopTimeoutSeconds: 5, ...more };
  await world.pushFiles({ "web.yaml": deployment("web", [hello, ...others]) });
}

/** Pushes the other of the two images that the device has. */
async function pushOther(more: object = {}, others: readonly object[] = []): Promise<void> {
  version = version === "1" ? "2" : "1";
  image = world.device.image(version);
  await pushWeb(more, others);
}

let pulls = 0;

/** Pushes an image that only the registry has. */
async function pushNew(): Promise<void> {
  version = `new-${++pulls}`;
  image = await registry.push(await makeImage({ reference: `hello:${version}`, port: 80 }), `hello:${version}`);
  await pushWeb();
}

type Moment =
  | { readonly method: "GET" | "POST" | "DELETE"; readonly path: RegExp }
  /** A file in the agent's folder: first beside its place, then in it, or no longer there. */
  | { readonly folder: string; readonly before: RegExp; readonly after: RegExp };

const ofWeb = (deed: string): RegExp => new RegExp(`/containers/web_[^/?]*${deed}(\\?|$)`);

/** The moments of a swap and of the way back kill at these. */
const OF_THE_MOMENTS = ["create", "journal", "stop", "start", "rename", "remove"] as const satisfies readonly StepKind[];

/**
 * No test kills at these, since they are no part of a swap. Tests of what they do are in
 * harmony/podman/test, images.int.test.ts and device-inputs.int.test.ts.
 */
const NO_PART_OF_A_SWAP = {
  repairImage: "comes of damage that Podman reports, and ends before a swap goes on",
  verifyImage: "comes of an image that could not be executed, and changes nothing",
  repairSecretStore: "comes of damage that the agent sees, and ends before a swap goes on",
  pruneImages: "comes of a disk that is nearly full, before anything is made",
  noteDamage: "comes of damage that Podman reports, and is kept in memory alone",
  noteFullDisk: "comes of a disk that is full, and is kept in memory alone",
  releaseReserve: "comes of a disk that is full, where what it removes is missed by nothing",
} as const satisfies Partial<Record<StepKind, string>>;

type OtherKind = Exclude<StepKind, (typeof OF_THE_MOMENTS)[number] | keyof typeof NO_PART_OF_A_SWAP>;

/** The place where each other kind of step can be seen from outside of the agent. */
const MOMENTS: { readonly [Kind in OtherKind]: Moment } = {
  pull: { method: "POST", path: /\/images\/pull/ },
  recordStart: { folder: "start", before: /^web\.new$/, after: /^web$/ },
  createNetwork: { method: "POST", path: /\/networks\/create/ },
  removeNetwork: { method: "DELETE", path: /\/networks\// },
  createVolume: { method: "POST", path: /\/volumes\/create/ },
  writeMounts: { folder: "mounts", before: /^\.web_/, after: /^web_/ },
  // Nothing shows before the removal.
  removeMounts: { folder: "mounts", before: /^web_/, after: /^web_/ },
  createSecret: { method: "POST", path: /\/secrets\/create/ },
  removeSecret: { method: "DELETE", path: /\/secrets\// },
  unpause: { method: "POST", path: ofWeb("/unpause") },
  revive: { method: "POST", path: ofWeb("/start") },
};

interface Occasion {
  readonly occasion: string;
  /** The agent is killed twice at each. */
  readonly kinds: readonly OtherKind[];
  /** Prepares the state that the steps need. */
  readonly prepare?: () => Promise<void>;
  /** Makes the agent take these steps. */
  readonly bring: () => Promise<void>;
  readonly leaves?: readonly string[];
}

const inputs = { files: [{ path: "/etc/some.conf", content: "some" }], env: { KEY: { secret: "key" } } };
const second = (): readonly object[] => [
  { name: "second", image: world.device.image("1"), volumes: ["data:/data"], stopTimeoutSeconds: 5 },
];

const OCCASIONS: readonly Occasion[] = [
  { occasion: "a new version that has to be pulled", kinds: ["pull"], bring: pushNew },
  {
    occasion: "a version with a second service, a volume, a file and a secret",
    kinds: ["createNetwork", "createVolume", "createSecret", "writeMounts", "recordStart"],
    bring: () => pushOther(inputs, second()),
    leaves: ["web_second"],
  },
  {
    occasion: "a version without them",
    kinds: ["removeNetwork", "removeSecret", "removeMounts"],
    bring: pushOther,
  },
  {
    occasion: "a container that has ended, and a new version that has to be pulled",
    kinds: ["revive"],
    prepare: async () => {
      await pushOther({ restart: "no" });
      await settled();
      // The exec may end together with the container.
      await world.device.exec(["podman", "exec", "web_hello", "kill", "1"], { user: "iot-agent", allowExitCodes: [0, 137] });
      const hasEnded = async (): Promise<boolean> => (await world.container("web_hello")).state === "exited";
      await eventually(hasEnded, { what: "it has ended", timeoutMs: WAIT_MS });
    },
    bring: pushNew,
  },
  { occasion: "a container that was paused", kinds: ["unpause"], bring: async () => void (await world.podman("pause", "web_hello")) },
];

async function shell(script: string): Promise<string> {
  return (await world.device.exec(["sh", "-euc", script])).stdout;
}

/** Kills the agent's process; resolves when systemd has started another. */
async function kill(pid: number, clear: () => Promise<unknown> = async () => undefined): Promise<number> {
  process.kill(pid, "SIGKILL");
  await clear();
  const isAnother = async (): Promise<number | undefined> => {
    const found = await world.agentPid();
    return found === pid ? undefined : found;
  };
  const another = await eventually(isAnother, { what: "systemd starts the agent again", timeoutMs: WAIT_MS });
  // systemd waits longer before each restart. An agent that ran for ten minutes starts afresh; this
  // one does so at once.
  await world.device.exec(["systemctl", "reset-failed", "iot-agent"]);
  return another;
}

/** Kills the agent from now on just before each of these steps, and just after it, once each. */
async function killAtEach(kinds: readonly OtherKind[]): Promise<{ done(): Promise<void> }> {
  let pid = await world.agentPid();
  let killing: Promise<void> = Promise.resolve();
  const left = new Set<string>();
  for (const kind of kinds)
    for (const when of ["before", "after"] as const) {
      const moment = MOMENTS[kind];
      left.add(`${when} ${kind}`);
      const reached = "method" in moment ? podman.hold({ ...moment, when }) : appears(moment.folder, moment[when]);
      void reached.then(() => {
        left.delete(`${when} ${kind}`);
        killing = killing.then(async () => void (pid = await kill(pid)));
      });
    }
  return {
    done: async () => {
      const isDone = (): true => {
        if (left.size > 0) throw new Error(`not seen yet: ${[...left].join(", ")}`);
        return true;
      };
      try {
        await eventually(isDone, { what: "every step is taken", timeoutMs: WAIT_MS });
        await killing;
      } catch (cause) {
        podman.forget();
        throw new Error(`${errorText(cause)}; the agent's last words:\n${await world.agentsLastWords()}`, { cause });
      }
    },
  };
}

/** Resolves when a file of that name is made, renamed or removed in that folder of the agent. */
function appears(folder: string, name: RegExp): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(world.device.pathOnHost(join(STATE, folder)), (_event, file) => {
    if (file === null || !name.test(file)) return;
    watcher.close();
    resolve();
  });
  return promise;
}

/**
 * Resolves when the agent is about to take that step. The agent gets no further until it is killed
 * and the way is cleared.
 */
async function reached({ request }: SwapMoment): Promise<{ clear(): Promise<unknown> }> {
  if (request !== null) {
    const path = new RegExp(`${request.path.replaceAll(".", "\\.")}(\\?|$)`);
    await podman.hold({ ...request, path, when: "before" });
    return { clear: async () => undefined };
  }
  // The content of a pipe is never flushed, and so never takes the file's place.
  const file = `${STATE}/swaps/web.json.new`;
  await world.device.exec(["mkfifo", file], { user: "iot-agent" });
  const pipe = new Socket({ fd: openSync(world.device.pathOnHost(file), constants.O_RDWR | constants.O_NONBLOCK) });
  await once(pipe, "data");
  return {
    clear: () => {
      pipe.destroy();
      return shell(`rm ${file}`);
    },
  };
}

const EACH = [
  {
    deed: "a swap",
    moments: swapMoments("web", "hello"),
    bring: () => pushOther(),
    ends: () => settled(),
  },
  {
    deed: "the way back",
    // The first still belongs to the swap: after it, the journal's next entry is the failure.
    moments: [...swapMoments("web", "hello").slice(5, 6), ...rollBackMoments("web", "hello")],
    bring: () =>
      pushWeb({
        image: world.device.image(version === "1" ? "2" : "1"),
        healthcheck: { test: ["CMD", "false"], interval: "1s", retries: 1 },
      }),
    ends: () => settled([], /web: running .* failed: its health check fails/),
  },
];

describe.each(EACH)("$deed, and the agent is killed", ({ moments, bring, ends }) => {
  let next: ReturnType<typeof reached> | undefined;
  beforeAll(async () => {
    next = moments[0] && reached(moments[0]);
    await bring();
  });

  test.each(moments.map((moment, index) => ({ ...moment, following: moments[index + 1] })))("$name", async ({ name, following }) => {
    let found: Awaited<typeof next>;
    void next?.then((one) => (found = one));
    next = undefined;
    const { clear } = await eventually(() => found, { what: name, timeoutMs: WAIT_MS });
    const pid = await world.agentPid();
    next = following && reached(following);
    await kill(pid, clear);
  });

  test("at the last: it ends as it should", async () => {
    await ends();
    expect(await bystanders()).toEqual(untouched);
  });
});

test.each(OCCASIONS)("$occasion: killed about to $kinds, and when it has just done so", async ({ kinds, prepare, bring, leaves = [] }) => {
  await prepare?.();
  const killed = await killAtEach(kinds);
  await bring();
  await killed.done();
  await settled(leaves);
  expect(await bystanders()).toEqual(untouched);
});

test("no kind of step is left out", () => {
  expect(new Set(EACH.flatMap(({ moments }) => moments.map(({ step }) => step)))).toEqual(new Set(OF_THE_MOMENTS));
  expect(OCCASIONS.flatMap(({ kinds }) => kinds).toSorted()).toEqual(Object.keys(MOMENTS).toSorted());
});
