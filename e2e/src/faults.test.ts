// Faults of a running system, one after the other: servers that end, hang, forget or go back,
// processes that are killed, a power cut, a cable, a person's hand. After each, the right
// containers run and no other was touched, a push is followed again, and `iot` says how it stands.
// Three containers share the device: `web`, which is changed; `steady`, a deployment that no fault
// here is meant for; and `foreign`, made by hand. Finer faults of each part are in its own tests.

import { cp, rename, rm } from "node:fs/promises";
import { asDeploymentName, asDeviceId, subjects } from "@iot/contracts";
import { eventually } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Container, FaultWorld } from "../world/fault-world.ts";
import { deploymentYaml } from "../world/workload.ts";

const WEB = 8080;
const STEADY = 8082;
/** Two rows with no sentence under them, and none about the device. */
const ALL_IS_WELL = /LAST SEEN (\S+ \S+ Running \d+ (s|min) \d s ago ){2}2 of 2 run as desired, 1 device\.$/;

let world: FaultWorld;
/** The version of `web` that was pushed last. */
let version = "1";
let untouched: unknown;
let startedAtMs = 0;

beforeAll(async () => {
  world = await FaultWorld.start();
  await world.podman("run", "--detach", "--name", "foreign", world.device.image("1"));
  await world.push({ web: [version, WEB], steady: ["1", STEADY] });
  await expectSettled();
  untouched = await bystanders();
});
afterAll(() => world?.stop());

beforeEach(() => {
  startedAtMs = Date.now();
});
// After every fault, the containers that it was not meant for are the same, and were not started
// anew.
afterEach(async () => {
  await expectSettled();
  expect(await bystanders()).toEqual(untouched);
});

async function bystanders() {
  return (await world.containers()).filter(({ name }) => name !== "web_hello");
}

/**
 * The pushed version answers, exactly these containers exist, and `iot status` says that all is
 * well.
 */
async function expectSettled(): Promise<void> {
  await world.answers(WEB, `deployment=web service=hello version=${version}`);
  await world.answers(STEADY, "deployment=steady service=hello version=1");
  await eventually(
    async () => {
      const images = (await world.containers()).map(({ name, image }) => `${name} ${image}`);
      expect(images).toEqual([
        `foreign ${world.device.image("1")}`,
        `steady_hello ${world.device.image("1")}`,
        `web_hello ${world.device.image(version)}`,
      ]);
      return true;
    },
    { what: "the right containers", timeoutMs: 30_000 },
  );
  await world.iotSays(["status"], ALL_IS_WELL);
}

function explains(pattern: RegExp): Promise<void> {
  return world.iotSays(["explain", "web", world.device.id], pattern);
}

async function pushOther(): Promise<void> {
  version = version === "1" ? "2" : "1";
  await world.push({ web: [version, WEB] });
}

/** The deed leaves the same container, not started anew. */
async function expectSameContainer(deed: () => Promise<void>): Promise<void> {
  const before = await world.container("web_hello");
  await deed();
  expect(await world.container("web_hello")).toEqual(before);
}

describe("NATS", () => {
  test("is restarted, and a push right afterwards is followed", async () => {
    await world.nats.restart();
    await pushOther();
    await expectSettled();
  });

  test("is gone: containers go on, both sides say why, and what was pushed meanwhile is followed when it is back", async () => {
    const old = version;
    await world.nats.down();
    await pushOther();
    await world.agentSays(/refused/, startedAtMs);
    await world.operatorSays(/refused/);
    expect(await world.page(WEB)).toContain(`version=${old}`);
    await world.nats.start();
  });

  test("hangs with its connections open: it is found out, and what was pushed meanwhile is followed", async () => {
    const { pid } = world.nats;
    process.kill(pid, "SIGSTOP");
    try {
      await pushOther();
      await world.agentSays(/lost the connection to NATS/, startedAtMs);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await expectSettled();
  });

  test("has lost its store: nothing is dropped on the device, and the operator writes all of it again", async () => {
    await expectSameContainer(async () => {
      await world.nats.kill();
      await rm(world.nats.storeDir, { recursive: true });
      await world.nats.start();
      await expectSettled();
    });
    await pushOther();
  });

  test("has lost its store while no operator is there: nothing is dropped on the device", async () => {
    await expectSameContainer(async () => {
      await world.killOperator();
      await world.nats.kill();
      await rm(world.nats.storeDir, { recursive: true });
      await world.nats.start();
      await world.agentSays(/no bucket answers/, startedAtMs);
      await world.startOperator();
      await expectSettled();
    });
  });

  test("is put back to an older copy of its store: the device does not go back, and what came since stays", async () => {
    await world.nats.down();
    await cp(world.nats.storeDir, `${world.nats.storeDir}.old`, { recursive: true });
    await world.nats.start();
    await pushOther();
    await expectSettled();
    await expectSameContainer(async () => {
      await world.killOperator();
      await world.nats.down();
      await rm(world.nats.storeDir, { recursive: true });
      await rename(`${world.nats.storeDir}.old`, world.nats.storeDir);
      await world.nats.start();
      await explains(/is older than the one in force/);
      await world.startOperator();
      await expectSettled();
    });
  });
});

describe("the operator", () => {
  test("is killed between a Score and its manifest: the device goes on, and the next operator finishes it", async () => {
    // The operator is killed while the acknowledgement of the Score is on its way.
    world.relay.setDelay(400);
    const score = await world.nextWrite(subjects.score(asDeviceId(world.device.id), asDeploymentName("web")));
    const old = version;
    try {
      await pushOther();
      await score.written;
      await world.killOperator();
    } finally {
      world.relay.setDelay(0);
    }
    expect(await world.page(WEB)).toContain(`version=${old}`);
    await world.startOperator();
    await world.operatorSays(/"writes":1,/);
  });

  test("is away while garbage is put over manifest and Score: the device says so, what runs stays, the operator mends it", async () => {
    const device = asDeviceId(world.device.id);
    await expectSameContainer(async () => {
      await world.killOperator();
      await world.putRaw(subjects.score(device, asDeploymentName("web")), "\u0000\u00ff{");
      await world.putRaw(subjects.manifest(device), '{"sources":["git:faults"],"deployments":{"web":');
      await explains(/cannot be read/);
      await world.startOperator();
      await expectSettled();
    });
    await world.agentSays(/manifest .*cannot be read|InvalidManifest/, startedAtMs);
    // A running operator repairs it at once.
    await expectSameContainer(async () => {
      await world.putRaw(subjects.manifest(device), "garbage");
      await expectSettled();
    });
  });
});

describe("the agent is killed, systemd starts it again, and the swap is finished", () => {
  test("when the manifest has just been written", async () => {
    const pid = await world.agentPid();
    const manifest = await world.nextWrite(subjects.manifest(asDeviceId(world.device.id)));
    await pushOther();
    await manifest.written;
    process.kill(pid, "SIGKILL");
    expect(await world.agentPid()).not.toBe(pid);
  });

  const ofWeb = (containers: readonly Container[]) => containers.filter(({ name }) => name.startsWith("web_hello"));
  // Each moment holds from then on, so that none can be missed.
  const moments: { moment: string; isReached: (containers: readonly Container[], old: Container, image: string) => boolean }[] = [
    { moment: "the new container is made", isReached: (found, _, image) => found.some((one) => one.image === image) },
    {
      moment: "the old container is being stopped",
      isReached: (found, old) => !found.some(({ life, state }) => life === old.life && state === "running"),
    },
    {
      moment: "the new container runs",
      isReached: (found, _, image) => found.some((one) => one.image === image && one.state === "running"),
    },
    { moment: "the old container is gone", isReached: (found, old) => !found.some(({ life }) => life === old.life) },
  ];

  test.each(moments)("when $moment", async ({ isReached }) => {
    const pid = await world.agentPid();
    const old = await world.container("web_hello");
    await pushOther();
    await eventually(async () => isReached(ofWeb(await world.containers()), old, world.device.image(version)), { intervalMs: 1 });
    process.kill(pid, "SIGKILL");
    expect(await world.agentPid()).not.toBe(pid);
  });

  test("when a deployment is about to be removed", async () => {
    const pid = await world.agentPid();
    await world.push({ web: null });
    await eventually(async () => ofWeb(await world.containers()).every(({ state }) => state !== "running"), { intervalMs: 1 });
    process.kill(pid, "SIGKILL");
    await eventually(async () => ofWeb(await world.containers()).length === 0, { what: "it is removed", timeoutMs: 30_000 });
    await pushOther();
  });
});

describe("Podman", () => {
  test("has its service and its socket gone: the status says so, and a push is followed when it is back", async () => {
    const old = version;
    await world.userSystemctl("stop", "podman.socket", "podman.service");
    await explains(/Podman/);
    await pushOther();
    await explains(/is Blocked .*Podman/);
    expect(await world.page(WEB)).toContain(`version=${old}`);
    await world.userSystemctl("start", "podman.socket");
  });

  test("has a container removed and a container stopped by hand: they come back", async () => {
    await world.podman("rm", "--force", "--time", "0", "web_hello");
    await expectSettled();
    await world.podman("stop", "--time", "0", "web_hello");
    await expectSettled();
  });
});

describe("the device", () => {
  test("has its cable cut: its containers go on, it is told to be silent, and it follows when the cable is back", async () => {
    const old = version;
    await world.device.cutNetwork();
    await pushOther();
    await explains(/silent/);
    const { stdout } = await world.device.exec(["curl", "--silent", `http://127.0.0.1:${WEB}/`]);
    expect(stdout).toContain(`version=${old}`);
    await world.device.restoreNetwork();
  });

  test("loses power, and comes up with NATS away: its containers answer from what the agent has on disk", async () => {
    await world.nats.down();
    await world.device.powerOff();
    await world.device.powerOn();
    await world.answers(WEB, `version=${version}`);
    await world.answers(STEADY, "version=1");
    // The agent does not start a container that is not ours.
    expect(await world.container("foreign")).toMatchObject({ state: "exited" });
    untouched = await bystanders();
    await world.nats.start();
  });
});

test("a name that passes to another namespace's Deployment, in one commit, takes no volume along", async () => {
  const of = (namespace: string, more: string): string =>
    deploymentYaml({ device: world.device.id, image: world.device.image("1"), port: 8083 })
      .replace("name: hello-world", `name: passed\n  namespace: ${namespace}`)
      .replace("ports:", `${more}\n          ports:`);
  const volume = (): Promise<string> => world.podman("volume", "inspect", "passed_data", "--format", "{{.CreatedAt}} {{json .Labels}}");
  const containers = async (): Promise<string[]> =>
    (await world.containers()).map(({ name }) => name).filter((name) => name.startsWith("passed_"));
  await world.pushFiles({ "passed.yaml": of("ant", 'volumes: ["data:/data"]') });
  await world.iotSays(["explain", "passed", world.device.id], /namespace ant.* Running|Running.* namespace ant/);
  const before = await volume();

  await world.pushFiles({ "passed.yaml": of("bee", 'volumes: ["data:/data"]') });
  await world.iotSays(["explain", "passed", world.device.id], /namespace ant.*podman volume rm passed_data/);
  expect([await containers(), await volume()]).toEqual([[], before]);

  await world.pushFiles({ "passed.yaml": of("bee", 'volumes: ["own:/data"]') });
  await eventually(async () => (await containers()).length === 1, { what: "with a volume of its own it runs", timeoutMs: 60_000 });
  expect(await volume()).toBe(before);
  await world.pushFiles({ "passed.yaml": null });
  await eventually(async () => (await containers()).length === 0, { what: "it is gone", timeoutMs: 60_000 });
  expect(await volume()).toBe(before);
});
