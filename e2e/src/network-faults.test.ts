// Causes that keep a device from NATS, one after the other. The device waits, names the cause in
// `systemctl status`, keeps its containers up, and within ten seconds of the cure runs what was
// pushed meanwhile. Further tests have networks that exist and are bad: flapping, lossy, slow,
// silent.

import { eventually, makeImage, type Registry, startRegistry } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { expectCuredBy } from "../world/cure.ts";
import { type Container, FaultWorld, NATS_NAME } from "../world/fault-world.ts";

const WEB = 8080;
const PAIR = 8083;

let world: FaultWorld;
let registry: Registry;
let version = "1";

beforeAll(async () => {
  world = await FaultWorld.start({
    through: "name",
    natsConfig: natsUsers("demo-password"),
    beforeAgent: async (device) => {
      registry = await startRegistry({ host: device.hostAddress });
      await device.trustRegistry(registry.address);
      // Podman reads which registries to trust when it starts.
      await device.exec(["systemctl", "--user", "stop", "podman.service"], { user: "iot-agent" });
    },
  });
  await world.push({ web: [version, WEB] });
  await world.answers(WEB, `version=${version}`);
});
afterAll(async () => {
  await world?.stop();
  await registry?.stop();
});

// After every fault, it is over, and the version pushed last runs.
afterEach(async () => {
  await expectPage();
  await world.statusSays(/^connected to NATS central\.lan:\d+, 1 of 1 deployment running$/m);
});

/** Pushes, and waits until it is written to NATS, which is as far as it gets without the device. */
async function pushOther(): Promise<void> {
  version = version === "1" ? "2" : "1";
  await world.push({ web: [version, WEB] });
}

/** The version pushed last answers. */
function expectPage(): Promise<void> {
  return world.answers(WEB, `version=${version}`);
}

function expectCured(cure: () => unknown): Promise<void> {
  return expectCuredBy(world, [WEB, `version=${version}`], cure);
}

/** The content of the page, asked for on the device itself. */
async function pageOnDevice(port = WEB): Promise<string> {
  return (await world.device.exec(["curl", "--silent", "--max-time", "2", `http://127.0.0.1:${port}/`])).stdout;
}

/** Looks a name up inside a container. */
function lookedUp(container: string, name: string): Promise<string> {
  return world.podman("exec", container, "/bin/busybox", "nslookup", name);
}

function web(imageVersion: string, more: object): string {
  const services = [{ name: "hello", image: world.device.image(imageVersion), ports: [`${WEB}:80`], ...more }];
  return deployment("web", services);
}

/** Two services, which get a network of their own because they are two. */
function pair(): string {
  const image = world.device.image("1");
  const services = [
    { name: "front", image, ports: [`${PAIR}:80`] },
    { name: "back", image },
  ];
  return deployment("pair", services);
}

function deployment(name: string, services: readonly object[]): string {
  const spec = { targetDevices: [world.device.id], score: { type: "PodmanV0", data: { services } } };
  return JSON.stringify({ apiVersion: "iot.nationtech.io/v1alpha1", kind: "Deployment", metadata: { name }, spec });
}

/** The operator and the command line connect without a name. */
function natsUsers(agentPassword: string): string {
  const users = [`{ user: iot-agent, password: "${agentPassword}" }`, `{ user: operator, password: "operator" }`];
  return `authorization { users = [ ${users.join(", ")} ] }\nno_auth_user: operator`;
}

/** Runs nft on the device. */
function nft(rules: string): Promise<unknown> {
  return world.device.exec(["nft", "--file", "-"], { stdin: `${rules}\n` });
}

describe("a device that boots", () => {
  test.each([
    { network: "cable out", says: /this machine's network is down \(host0 has no carrier\); plug in the cable/ },
    { network: "no address", says: /this machine's network is down \(host0 has no (carrier|address)\)/ },
  ] as const)("with $network: its containers answer, it says why it waits, and follows when the cable is in", async ({ network, says }) => {
    const old = version;
    await world.device.powerOff();
    await world.device.powerOn(network);
    await pushOther();
    await eventually(async () => (await pageOnDevice()).includes(`version=${old}`), { what: "the container answers", timeoutMs: 30_000 });
    await world.statusSays(says);
    await expectCured(() => world.device.restoreNetwork());
  });

  test("with its cable out: containers that were started then, on a network of their own too, reach out and find names when the cable is in", async () => {
    await world.pushFiles({ "pair.yaml": pair() });
    await world.statusSays(/2 of 2 deployments running$/m);
    await world.device.powerOff();
    await world.device.powerOn("cable out");
    const names = ["web_hello", "pair_front", "pair_back"];
    for (const [port, text] of [
      [WEB, `version=${version}`],
      [PAIR, "service=front"],
    ] as const)
      await eventually(async () => (await pageOnDevice(port)).includes(text), { what: `port ${port} answers`, timeoutMs: 30_000 });
    const all = (): Promise<Container[]> => Promise.all(names.map((name) => world.container(name)));
    // A container with no port may still be starting.
    await eventually(async () => (await all()).every(({ state }) => state === "running"), { what: "all run", timeoutMs: 30_000 });
    const started = await all();
    await world.device.restoreNetwork();
    for (const name of names) {
      await eventually(async () => (await lookedUp(name, NATS_NAME)).includes(world.device.hostAddress), { what: `${name} finds a name` });
      await world.podman("exec", name, "sh", "-c", `echo | nc -w 2 ${world.device.hostAddress} ${world.nats.port}`);
    }
    expect(await lookedUp("pair_front", "back")).toMatch(/Address.*10\.89\./);
    expect(await all()).toEqual(started);
    await world.pushFiles({ "pair.yaml": null });
  });
});

test("the cable is pulled while a new version is on trial: when it fails, the old one runs again without network", async () => {
  const healthcheck = { test: ["CMD", "false"], interval: "2s", retries: 3 };
  const failing = version === "1" ? "2" : "1";
  await world.pushFiles({ "web.yaml": web(failing, { healthcheck }) });
  await world.answers(WEB, `version=${failing}`);
  await world.device.cutNetwork();
  await world.statusSays(/network is down.*web: running .*failed: its health check fails/s);
  await eventually(async () => (await pageOnDevice()).includes(`version=${version}`), { what: "the old version answers" });
  await world.device.restoreNetwork();
  await world.iotSays(["explain", "web"], /RolledBack.*its health check fails/);
  await world.push({ web: [version, WEB] });
});

describe("NATS is not reached", () => {
  const causes: { cause: string; break: () => Promise<unknown>; says: RegExp; cure: () => Promise<unknown> }[] = [
    {
      cause: "no name server answers",
      break: async () => {
        await nft("table inet silence { chain out { type filter hook output priority 0; udp dport 53 drop; }; }");
        world.deviceRelay.cut();
      },
      says: /the name "central\.lan" cannot be looked up: no answer from the name server 10\.[\d.]+; check the name server/,
      cure: () => nft("delete table inet silence"),
    },
    {
      cause: "its name is unknown",
      break: async () => {
        await world.nameServer.down();
        await world.nameServer.start({ "another.lan": world.device.hostAddress });
        world.deviceRelay.cut();
      },
      says: /the name server knows no host "central\.lan"; put the name right/,
      cure: async () => {
        await world.nameServer.down();
        await world.nameServer.start({ [NATS_NAME]: world.device.hostAddress });
      },
    },
    {
      cause: "its cable is out",
      break: () => world.device.cutNetwork(),
      says: /this machine's network is down \(host0 has no carrier\); plug in the cable/,
      cure: () => world.device.restoreNetwork(),
    },
  ];

  test.each(causes)("because $cause", async ({ break: breakIt, says, cure }) => {
    const old = version;
    await breakIt();
    await pushOther();
    await world.statusSays(says);
    expect(await pageOnDevice()).toContain(`version=${old}`);
    await expectCured(cure);
  });

  test("because its password is wrong", async () => {
    await world.nats.reload(natsUsers("another"));
    await pushOther();
    await world.statusSays(/the server refuses the user "iot-agent" or its password; put the NATS user and password right/);
    await expectCured(() => world.nats.reload(natsUsers("demo-password")));
  });
});

describe("the network is bad", () => {
  test("a link that goes down and up again and again: nothing is touched, and a push meanwhile is followed", async () => {
    const flap = (times: number): Promise<void> => world.device.flapNetwork({ times, downMs: 1_500, upMs: 1_500 });
    const before = await world.container("web_hello");
    await flap(2);
    expect(await world.container("web_hello")).toEqual(before);
    const flapping = flap(3);
    await pushOther();
    await flapping;
  });

  test("2 % of the packets are lost, each way: pushes are followed, also where the image has to be pulled", async () => {
    await nft(`table inet loss {
      chain in { type filter hook input priority 0; iifname "host0" numgen random mod 100 < 2 drop; }
      chain out { type filter hook output priority 0; oifname "host0" numgen random mod 100 < 2 drop; }
    }`);
    try {
      for (let pushes = 1; pushes <= 3; pushes++) {
        await pushOther();
        await expectPage();
      }
      version = "from-registry";
      const made = await makeImage({ reference: `hello:${version}`, port: 80, ballastMegabytes: 4 });
      const image = await registry.push(made, `hello:${version}`);
      await world.push({ web: [version, WEB] }, () => image);
      await expectPage();
    } finally {
      await nft("delete table inet loss");
    }
  });

  test("every packet takes 500 ms: the connection stays, and a push is followed", async () => {
    const startedMs = Date.now();
    world.deviceRelay.setDelay(500);
    try {
      await pushOther();
      await world.answers(WEB, `version=${version}`);
    } finally {
      world.deviceRelay.setDelay(0);
    }
    const said = (await world.device.agentEvents()).filter(({ at }) => at >= startedMs).map(({ message }) => message);
    expect(said.filter((line) => /lost the connection|cannot connect/.test(line))).toEqual([]);
  });

  test("the connection is open and silent: it is found out, and what was pushed meanwhile is followed", async () => {
    const startedMs = Date.now();
    world.deviceRelay.freeze();
    await pushOther();
    await world.agentSays(/lost the connection to NATS/, startedMs);
    await expectCured(() => world.deviceRelay.resume());
  });
});
