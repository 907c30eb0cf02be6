// The agent is killed at every kind of step that a plan may have: when it is about to take it, and again when it has just taken it. systemd
// starts it again, and it ends in the version that was pushed last, with no other container touched and none left over. Steps on Podman are
// caught on their way to Podman's socket, those on the device's disk as their files appear. A kind of step for which no moment
// is named here does not compile, and one that no occasion brings about is named below.

import { watch } from "node:fs";
import { join } from "node:path";
import type { StepKind } from "@harmony/podman";
import { errorText } from "@harmony/runtime";
import { eventually, type Interceptor, makeImage, type Registry, startInterceptor, startRegistry } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FaultWorld } from "./fault-world.ts";

const WEB = 8080;
const WAIT_MS = 40_000;
const PROXY = "/run/intercepted.sock";
const STATE = "/var/lib/iot-agent";

let world: FaultWorld;
let registry: Registry;
let podman: Interceptor;
let untouched: unknown;
/** Of the version of `web` that was pushed last. */
let image = "";
let version = "";

beforeAll(async () => {
  world = await FaultWorld.start({
    agentConfig: `\n[podman]\nsocket = "${PROXY}"\n`,
    beforeAgent: async (device) => {
      registry = await startRegistry({ host: device.hostAddress });
      await device.trustRegistry(registry.address);
      // It reads whom to trust when it starts.
      await device.exec(["systemctl", "--user", "stop", "podman.service"], { user: "iot-agent" });
      podman = await startInterceptor({ listen: device.pathOnHost(PROXY), target: device.podmanSocket });
    },
  });
  await shell("umask 077; echo 'a secret' > /etc/iot-agent/secrets/key; chown iot-agent: /etc/iot-agent/secrets/key");
  // There from the first file in them on; to be watched, they have to be there before.
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

/** The version that was pushed last answers, nothing of another is left, and all have proved themselves. */
async function settled(others: readonly string[] = []): Promise<void> {
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
  await world.statusSays(/^connected to NATS .*, 2 of 2 deployments running$/m);
}

async function pushWeb(more: object = {}, others: readonly object[] = []): Promise<void> {
  const hello = { name: "hello", image, ports: [`${WEB}:80`], stopTimeoutSeconds: 5, ...more };
  await world.pushFiles({ "web.yaml": deployment("web", [hello, ...others]) });
}

/** The other of the two images that the device has. */
async function pushOther(more: object = {}, others: readonly object[] = []): Promise<void> {
  version = version === "1" ? "2" : "1";
  image = world.device.image(version);
  await pushWeb(more, others);
}

let pulls = 0;

/** One that only the registry has. */
async function pushNew(): Promise<void> {
  version = `new-${++pulls}`;
  image = await registry.push(await makeImage({ reference: `hello:${version}`, port: 80 }), `hello:${version}`);
  await pushWeb();
}

type Moment =
  | { readonly method: "GET" | "POST" | "DELETE"; readonly path: RegExp }
  /** In the agent's folder: first beside its place, then in it; or no longer there. */
  | { readonly folder: string; readonly before: RegExp; readonly after: RegExp };

const ofWeb = (deed = ""): RegExp => new RegExp(`/containers/web_[^/?]*${deed}(\\?|$)`);
const file = (folder: string): Moment => ({ folder, before: /^web\S*\.new$/, after: /^web(\.json)?$/ });

/** Where each kind of step can be seen from outside of the agent. */
const MOMENTS: { readonly [Kind in StepKind]: Moment } = {
  pull: { method: "POST", path: /\/images\/pull/ },
  create: { method: "POST", path: /\/containers\/create/ },
  journal: file("swaps"),
  stop: { method: "POST", path: ofWeb("/stop") },
  start: { method: "POST", path: ofWeb("/start") },
  rename: { method: "POST", path: ofWeb("/rename") },
  remove: { method: "DELETE", path: ofWeb() },
  recordStart: file("start"),
  createNetwork: { method: "POST", path: /\/networks\/create/ },
  removeNetwork: { method: "DELETE", path: /\/networks\// },
  createVolume: { method: "POST", path: /\/volumes\/create/ },
  writeMounts: { folder: "mounts", before: /^\.web_/, after: /^web_/ },
  // Nothing of it is seen before.
  removeMounts: { folder: "mounts", before: /^web_/, after: /^web_/ },
  createSecret: { method: "POST", path: /\/secrets\/create/ },
  removeSecret: { method: "DELETE", path: /\/secrets\// },
  unpause: { method: "POST", path: ofWeb("/unpause") },
  revive: { method: "POST", path: ofWeb("/start") },
  mend: { method: "DELETE", path: ofWeb() },
  verifyImage: { method: "GET", path: /\/images\/[^/]+\/get/ },
  makeRoom: { method: "DELETE", path: /\/images\// },
};

/**
 * Not killed at yet: each needs a damage or a lack that no push brings about. What they do is tested in harmony/podman/test/images.int.test.ts
 * and, of `revive`, in its planner's tables.
 */
const NOT_YET: readonly StepKind[] = ["revive", "mend", "verifyImage", "makeRoom"];

interface Occasion {
  readonly occasion: string;
  /** Each is killed at, twice. */
  readonly kinds: readonly StepKind[];
  /** What makes the agent take these steps. */
  readonly bring: () => Promise<void>;
  readonly leaves?: readonly string[];
}

const inputs = { files: [{ path: "/etc/some.conf", content: "some" }], env: { KEY: { secret: "key" } } };
const second = (): readonly object[] => [
  { name: "second", image: world.device.image("1"), volumes: ["data:/data"], stopTimeoutSeconds: 5 },
];

const OCCASIONS: readonly Occasion[] = [
  {
    occasion: "a new version that has to be pulled",
    kinds: ["pull", "create", "journal", "stop", "start", "rename", "remove"],
    bring: pushNew,
  },
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
  { occasion: "a container that was paused", kinds: ["unpause"], bring: async () => void (await world.podman("pause", "web_hello")) },
];

async function shell(script: string): Promise<string> {
  return (await world.device.exec(["sh", "-euc", script])).stdout;
}

/** From now on the agent is killed when one of these steps is about to be taken, and when it has been, once each. */
async function killAtEach(kinds: readonly StepKind[]): Promise<{ done(): Promise<void> }> {
  let pid = await world.agentPid();
  let killing: Promise<void> = Promise.resolve();
  const left = new Set<string>();
  const kill = async (): Promise<void> => {
    const killed = pid;
    process.kill(killed, "SIGKILL");
    const isAnother = async (): Promise<number | undefined> => {
      const found = await world.agentPid();
      return found === killed ? undefined : found;
    };
    pid = await eventually(isAnother, { what: "systemd starts the agent again", timeoutMs: WAIT_MS });
    // systemd waits longer before each restart; an agent that ran for ten minutes is forgiven, this one at once.
    await world.device.exec(["systemctl", "reset-failed", "iot-agent"]);
  };
  for (const kind of kinds)
    for (const when of ["before", "after"] as const) {
      const moment = MOMENTS[kind];
      left.add(`${when} ${kind}`);
      const reached = "method" in moment ? podman.hold({ ...moment, when }) : appears(moment.folder, moment[when]);
      void reached.then(() => {
        left.delete(`${when} ${kind}`);
        killing = killing.then(kill);
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

/** A file of that name was made, renamed or removed in that folder of the agent. */
function appears(folder: string, name: RegExp): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(world.device.pathOnHost(join(STATE, folder)), (_event, file) => {
    if (file === null || !name.test(file)) return;
    watcher.close();
    resolve();
  });
  return promise;
}

test.each(OCCASIONS)("$occasion: killed about to $kinds, and when it has just done so", async ({ kinds, bring, leaves = [] }) => {
  const killed = await killAtEach(kinds);
  await bring();
  await killed.done();
  await settled(leaves);
  expect(await bystanders()).toEqual(untouched);
});

test("no kind of step is left out", () => {
  expect(new Set([...OCCASIONS.flatMap(({ kinds }) => kinds), ...NOT_YET])).toEqual(new Set(Object.keys(MOMENTS)));
});
