// Faults of the device itself: its disks are full, its clock is years wrong until time is
// synchronised, files of the agent are damaged, Podman's service is killed in the middle of a swap.
// After each it ends in the version that was pushed last, with nothing left over.

import { eventually, loadImage, makeImage, podmanKilledAfterPasta, type Registry, run, startRegistry } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Container, FaultWorld } from "../world/fault-world.ts";

const WEB = 8080;
const WAIT_MS = 60_000;
const STATE = "/var/lib/iot-agent";
const STORAGE = "/home/iot-agent/.local/share/containers/storage";
const CLOCK = "/run/wrong-clock";

let world: FaultWorld;
let registry: Registry;
let version = "";

beforeAll(async () => {
  world = await FaultWorld.start({
    beforeAgent: async (device) => {
      registry = await startRegistry({ host: device.hostAddress });
      await device.trustRegistry(registry.address);
      // Podman reads which registries to trust when it starts.
      await device.exec(["systemctl", "--user", "stop", "podman.service"], { user: "iot-agent" });
      // Two small disks of the device's own, which can be filled.
      const mount = (at: string, megabytes: number) =>
        device.exec(["mount", "--mkdir", "-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700,uid=1000,gid=1000`, "disk", at]);
      await mount(STORAGE, 400);
      await mount(STATE, 2);
      for (const tag of ["1", "2"]) await loadImage(device.podmanSocket, await makeImage({ reference: device.image(tag), port: 80 }));
    },
  });
  await pushOther();
});
afterAll(async () => {
  await world?.stop();
  await registry?.stop();
});
afterEach(expectSettled);

/** The pushed version answers, the agent says that all is well, and no other container is left. */
async function expectSettled(): Promise<void> {
  await world.answers(WEB, `version=${version}`);
  await world.statusSays(/^connected to NATS .*, 1 of 1 deployment running$/m);
  const isAlone = async (): Promise<true> => {
    expect((await world.containers()).map(({ name }) => name)).toEqual(["web_hello"]);
    return true;
  };
  await eventually(isAlone, { what: "nothing of an old version is left", timeoutMs: WAIT_MS, intervalMs: 200 });
}

async function pushOther(): Promise<void> {
  version = version === "1" ? "2" : "1";
  await world.push({ web: [version, WEB] });
}

async function shell(script: string): Promise<string> {
  return (await world.device.exec(["sh", "-euc", script])).stdout;
}

/** The agent says why, the old version answers, and the swap goes on when there is room again. */
async function expectFullDiskReported({ fill, push, says }: { fill: string; push: () => Promise<void>; says: RegExp }): Promise<void> {
  const old = version;
  await world.answers(WEB, `version=${old}`);
  await world.statusSays(/1 of 1 deployment running/);
  await shell(fill);
  try {
    await push();
    await world.statusSays(says);
    expect(await world.page(WEB)).toContain(`version=${old}`);
  } finally {
    await shell(`rm ${STATE}/filler ${STORAGE}/filler 2>/dev/null || true`);
  }
}

describe("a disk is full", () => {
  test("that of the agent's state: nothing is changed, it says so, and goes on when there is room", () =>
    expectFullDiskReported({
      fill: `dd if=/dev/zero of=${STATE}/filler bs=4k 2>/dev/null || true`,
      push: pushOther,
      says: /cannot be (kept on disk|written)/,
    }));

  test("that of the images: it says so before it begins to pull, and goes on when there is room", () =>
    expectFullDiskReported({
      fill: `free=$(df --output=avail --block-size=1M ${STORAGE} | tail -1); fallocate --length=$((free - 100))M ${STORAGE}/filler`,
      push: async () => {
        version = "from-registry";
        const image = await registry.push(await makeImage({ reference: `hello:${version}`, port: 80 }), `hello:${version}`);
        await world.push({ web: [version, WEB] }, () => image);
      },
      says: /web: .*(disk|space|room|free)/,
    }));
});

test("files of the agent are damaged: kept aside, said, rebuilt, and no container is touched", async () => {
  const before = await world.container("web_hello");
  const startedMs = Date.now();
  await shell(`systemctl stop iot-agent
    for file in ${STATE}/desired-state.json ${STATE}/swaps/*.json ${STATE}/start/* ${STATE}/history.jsonl; do echo '{garbage' > $file; done
    systemctl start iot-agent`);
  await world.statusSays(/1 of 1 deployment running/);
  await world.agentSays(/^the saved desired state is not used; what runs stays/, startedMs);
  await world.agentSays(/^a file of the agent's is not used; what runs stays/, startedMs);
  expect(await shell(`ls ${STATE}/*.corrupt ${STATE}/swaps/*.corrupt`)).toContain("desired-state.json.corrupt");
  expect(await world.container("web_hello")).toEqual(before);
});

describe("a clock that is years wrong until time is synchronised", () => {
  beforeAll(async () => {
    const [library = ""] = (await run(["sh", "-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"])).stdout.split("\n");
    await world.device.copyIn(library, "/opt/faketime/libfaketimeMT.so.1");
    const environment = [
      "LD_PRELOAD=/opt/faketime/libfaketimeMT.so.1",
      `FAKETIME_TIMESTAMP_FILE=${CLOCK}`,
      "FAKETIME_CACHE_DURATION=1",
      "DONT_FAKE_MONOTONIC=1",
    ];
    await shell(`mkdir -p /run/systemd/system/iot-agent.service.d
      printf '[Service]\\nEnvironment=${environment.join(" ")}\\n' > /run/systemd/system/iot-agent.service.d/clock.conf
      echo +0d > ${CLOCK}; systemctl daemon-reload`);
  });
  const DAY_MS = 86_400_000;
  /** Waits until the agent's own clock is wrong by so many days, as its last record says. */
  const isWrongBy = (days: number): Promise<true> =>
    eventually(
      async () => {
        const [, at = ""] = /"at":"([^"]+)"/.exec(await shell(`tail --lines=1 ${STATE}/history.jsonl`)) ?? [];
        return Math.abs(Date.parse(at) - Date.now() - days * DAY_MS) < DAY_MS || Promise.reject(new Error(`it recorded last at ${at}`));
      },
      { what: `the agent's clock is wrong by ${days} days`, timeoutMs: WAIT_MS },
    );
  afterAll(async () => {
    await shell("rm -r /run/systemd/system/iot-agent.service.d; systemctl daemon-reload; systemctl restart iot-agent");
  });

  test.each([-1500, 1500])(
    "by %i days: it follows, is not taken for silent, and its durations stay right when the clock is set",
    async (days) => {
      await shell(`echo ${days < 0 ? "" : "+"}${days}d > ${CLOCK}; systemctl restart iot-agent`);
      await world.statusSays(/1 of 1 deployment running/);
      await pushOther();
      await world.answers(WEB, `version=${version}`);
      await isWrongBy(days);
      await world.iotSays(["status"], /web pi-demo-01 Running .* \d s ago 1 of 1 run as desired, 1 device\.$/);
      await shell(`echo +0d > ${CLOCK}`);
      await eventually(async () => /connected to NATS [^ ]+ \(for \d+ (s|min)\)/.test(await shell("iot-agent status")), {
        what: "the connection's age is right",
        timeoutMs: 10_000,
      });
      await pushOther();
      await isWrongBy(0);
    },
  );
});

describe("in the middle of a swap", () => {
  beforeAll(() => world.answers(WEB, `version=${version}`));
  const ofWeb = (containers: readonly Container[]) => containers.filter(({ name }) => name.startsWith("web_hello"));
  // Each phase holds from its moment on, so that none can be missed.
  const phases: { phase: string; isReached: (found: readonly Container[], old: Container, image: string) => boolean }[] = [
    { phase: "the new container is made", isReached: (found, _, image) => found.some((one) => one.image === image) },
    {
      phase: "the old one is stopped",
      isReached: (found, old) => !found.some(({ life, state }) => life === old.life && state === "running"),
    },
  ];
  const reach = async (isReached: (typeof phases)[number]["isReached"]): Promise<void> => {
    const old = await world.container("web_hello");
    await pushOther();
    await eventually(async () => isReached(ofWeb(await world.containers()), old, world.device.image(version)), {
      intervalMs: 1,
      timeoutMs: WAIT_MS,
    });
  };

  test.each(phases)("Podman's service is killed when $phase", async ({ isReached }) => {
    await reach(isReached);
    await world.userSystemctl("kill", "--kill-whom=main", "--signal=KILL", "podman.service");
    await expectSettled();
  });

  test("Podman's service is killed as it has just started the new container's network: that does not hold the port", async () => {
    const startedMs = Date.now();
    const killed = await podmanKilledAfterPasta(shell, 1000);
    await killed.arm();
    await pushOther();
    await world.answers(WEB, `version=${version}`);
    await world.agentSays(/^what a Podman that was killed left of a network is ended/, startedMs);
    expect(await shell("pgrep --count pasta")).toBe("1\n");
    await killed.undo();
  });
});
