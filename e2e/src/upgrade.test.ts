// A device of v0.1.0 gets the agent of this tree by dpkg while its containers run, and then goes
// back to v0.1.0. Each time there are five deployments: one that runs as it should, one that a
// person holds, one that went back, and two on trial. The other agent takes all of them over as
// they are: it touches no container, the journal stays as it was, and nothing is planned. Then the
// two trials end as their Scores say: their health check passes on a file in the container, and the
// one that may end does so when it finds another.

import { agentPackageOfCommit, agentPackageOfTree, eventually, FIRST_RELEASE, makeTempFolder, run, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { installPackage } from "../world/install-agent.ts";
import { FaultWorld } from "../world/fault-world.ts";

const WAIT_MS = 60_000;
const NAMES = ["steady", "held", "barred", "passes", "fails"] as const;
type Name = (typeof NAMES)[number];

const Version = z.looseObject({ scoreString: z.string() });
const SwapRecord = z.looseObject({
  good: z.nullable(Version),
  trial: z.nullable(z.looseObject({ to: Version })),
  verdict: z.nullable(z.looseObject({ of: Version, reason: z.string() })),
});
const Explanation = z.object({ report: z.object({ phase: z.string() }), planned: z.array(z.string()) });

let folder: TempFolder;
let world: FaultWorld;
let packages: { readonly ours: string; readonly released: string };

beforeAll(async () => {
  folder = await makeTempFolder("upgrade");
  packages = { released: await agentPackageOfCommit(FIRST_RELEASE), ours: await agentPackageOfTree(folder.path) };
  world = await FaultWorld.start({ agentPackage: packages.released });
});
afterAll(async () => {
  await world?.stop();
  await folder?.remove();
});

const UNTIL_A_FILE_IS_THERE = ["/bin/sh", "-c", "until test -e /tmp/ill; do sleep 0.1; done; exit 3"];
const ON_TRIAL = { healthcheck: { test: ["CMD", "test", "-e", "/tmp/well"], interval: "1s", startPeriod: "600s" } };

/** The second version of those that have one. */
const CHANGES: Readonly<Partial<Record<Name, object>>> = {
  barred: { entrypoint: ["/bin/sh", "-c", "exit 4"] },
  passes: ON_TRIAL,
  fails: { ...ON_TRIAL, entrypoint: UNTIL_A_FILE_IS_THERE, restart: "no" },
};

/** The phases before the other agent comes, and after. */
const PREPARED: Readonly<Record<Name, string>> = {
  steady: "Running",
  held: "Held",
  barred: "RolledBack",
  passes: "Starting",
  fails: "Starting",
};

/** One service; the leg makes it another version than that of the leg before. */
function file(name: Name, leg: string, version: "1" | "2"): readonly [path: string, text: string] {
  const change = version === "2" ? CHANGES[name] : {};
  const service = { name: "hello", image: world.device.image(version), env: { LEG: leg }, stopTimeoutSeconds: 1, ...change };
  const spec = { targetDevices: [world.device.id], score: { type: "PodmanV0", data: { services: [service] } } };
  return [`${name}.yaml`, JSON.stringify({ apiVersion: "iot.nationtech.io/v1alpha1", kind: "Deployment", metadata: { name }, spec })];
}

/** The containers of one deployment, or of all: their ids, and since when each runs. */
async function lives(name = ""): Promise<readonly string[]> {
  const format = "{{.Names}} {{.ID}} {{.Pid}} {{.StartedAt}} {{.State}}";
  const listed = await world.podman("ps", "--all", "--no-trunc", "--filter", `name=^${name}`, "--format", format);
  return listed.split("\n").toSorted();
}

async function shell(script: string): Promise<string> {
  return (await world.device.exec(["sh", "-c", script])).stdout.trim();
}

/** The journal as it lies on the device's disk. */
const journal = (): Promise<string> => shell('cd /var/lib/iot-agent/swaps && for file in *; do echo "$file: $(cat "$file")"; done');

async function recordOf(name: Name): Promise<z.output<typeof SwapRecord> | null> {
  const text = await shell(`cat /var/lib/iot-agent/swaps/${name}.json || true`);
  return text === "" ? null : SwapRecord.parse(JSON.parse(text));
}

/**
 * The agent's history of the device, as a person reads it: an entry a line. Agents of 0.1 did not
 * name the zone of the times.
 */
async function history(): Promise<readonly string[]> {
  const text = await shell("iot-agent history");
  return text
    .replaceAll(/\n +/g, " ")
    .split("\n")
    .map((line) => line.replaceAll(/ +/g, " ").replace(/^(\S+ \S+) UTC /, "$1 "));
}

/** The running agent's explanation of each. */
async function explained(): Promise<readonly object[]> {
  const answers = NAMES.map(async (name) => {
    const { report, planned } = Explanation.parse(JSON.parse(await shell(`iot-agent explain --json ${name}`)));
    return { name, phase: report.phase, planned };
  });
  return Promise.all(answers);
}

/** Expects nothing planned. */
function inPhase(phaseOf: (name: Name) => string): readonly object[] {
  return NAMES.map((name) => ({ name, phase: phaseOf(name), planned: [] }));
}

function until(what: string, assertion: () => Promise<void>): Promise<true> {
  return eventually(() => assertion().then((): true => true), { what, timeoutMs: WAIT_MS, intervalMs: 200 });
}

/**
 * Prepares two deployments whose second version is on trial, one whose has failed, and two with a
 * single version, of which one is held.
 */
async function prepare(leg: string): Promise<void> {
  const push = (names: readonly Name[], version: "1" | "2"): Promise<void> =>
    world.pushFiles(Object.fromEntries(names.map((name) => file(name, leg, version))));
  await push(NAMES, "1");
  await until("the first versions run, and have proved themselves", async () => {
    const running = await world.podman("ps", "--filter=name=_hello$", "--format={{.Names}}");
    expect(running.split("\n").toSorted()).toEqual(NAMES.map((name) => `${name}_hello`).toSorted());
    expect(await explained()).toEqual(inPhase(() => "Running"));
    for (const name of NAMES) {
      const record = await recordOf(name);
      expect(record?.trial).toBeNull();
      expect(record?.good?.scoreString).toContain(`"LEG":"${leg}"`);
    }
  });
  await shell('iot-agent hold held --for 1h --reason "its port is needed"');
  await push(["barred", "passes", "fails"], "2");
  await until("one is held, one has failed, and two are on trial", async () => {
    expect(await explained()).toEqual(inPhase((name) => PREPARED[name]));
    expect(await names("held")).toEqual(["held_hello exited"]);
    expect(await recordOf("barred")).toMatchObject({ trial: null, verdict: { reason: "Exited" } });
    expect(await names("barred")).toEqual(["barred_hello running"]);
    for (const name of ["passes", "fails"] as const) {
      expect((await recordOf(name))?.trial).not.toBeNull();
      expect(await names(name)).toEqual([`${name}_hello running`, `${name}_hello.old exited`]);
    }
  });
}

async function names(name: Name): Promise<readonly string[]> {
  return (await lives(name)).map((life) => [life.split(" ")[0], life.split(" ").at(-1)].join(" "));
}

const LEGS = [
  { leg: "upgraded", to: () => packages.ours },
  { leg: "downgraded", to: () => packages.released },
];

describe.each(LEGS)("a device is $leg", ({ leg, to }) => {
  let before: { readonly lives: readonly string[]; readonly journal: string; readonly history: readonly string[] };

  beforeAll(async () => {
    await prepare(leg);
    before = { lives: await lives(), journal: await journal(), history: await history() };
    await installPackage(world.device, to());
  });

  test("the other agent finds each deployment as it was, its containers and its journal untouched", async () => {
    const version = (await run(["dpkg-deb", "--field", to(), "Version"])).stdout.trim();
    expect(await shell("readlink /proc/$(systemctl show --property=MainPID --value iot-agent)/exe")).toBe("/usr/bin/iot-agent");
    expect(await shell("iot-agent --version")).toBe(`iot-agent ${version}`);
    await until("it says of each what the one before said", async () => {
      expect(await explained()).toEqual(inPhase((name) => PREPARED[name]));
    });
    expect(await lives()).toEqual(before.lives);
    expect(await journal()).toBe(before.journal);
    expect(await history()).toEqual(expect.arrayContaining([...before.history]));
  });

  test("the version on trial that becomes well is made final, and its container is the same", async () => {
    await world.podman("exec", "passes_hello", "touch", "/tmp/well");
    const [life] = before.lives.filter((one) => one.startsWith("passes_hello "));
    await until("it is final", async () => {
      expect(await lives("passes")).toEqual([life]);
      const record = await recordOf("passes");
      expect(record).toMatchObject({ trial: null, verdict: null });
      expect(record?.good?.scoreString).toContain("/tmp/well");
    });
  });

  test("the version on trial that ends is gone back from, to the container that there was", async () => {
    await world.podman("exec", "fails_hello", "touch", "/tmp/ill");
    const [, id] = before.lives.find((one) => one.startsWith("fails_hello.old "))?.split(" ") ?? [];
    await until("it is gone back from", async () => {
      expect(await recordOf("fails")).toMatchObject({ trial: null, verdict: { reason: "Exited" } });
      expect(await names("fails")).toEqual(["fails_hello running"]);
      expect((await lives("fails"))[0]).toContain(id);
    });
  });

  test("what a person holds is started when it is released, and not before", async () => {
    const [life = ""] = before.lives.filter((one) => one.startsWith("held_hello "));
    expect(await lives("held")).toEqual([life]);
    await shell("iot-agent release held");
    await until("it runs", async () => {
      expect(await names("held")).toEqual(["held_hello running"]);
      expect((await lives("held"))[0]?.split(" ")[1]).toBe(life.split(" ")[1]);
    });
  });

  test("what ran well and what was gone back from earlier are as they were", async () => {
    const ofThem = (all: readonly string[]): readonly string[] => all.filter((one) => /^(steady|barred)_/.test(one));
    expect(ofThem(await lives())).toEqual(ofThem(before.lives));
  });
});
