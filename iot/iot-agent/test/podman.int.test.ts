// The whole agent, as the process that a device runs, with the rootless Podman of a simulated
// device: what a person with `curl` and `podman ps` would see. harmony/podman tests the variant
// itself; this is the thread through all parts, and its faults.

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Device,
  eventually,
  loadImage,
  makeImage,
  makeTempFolder,
  type NatsServer,
  type ServerProcess,
  startDevice,
  startNats,
  startServerProcess,
  type TempFolder,
} from "@iot/testkit";
import { CAPABILITIES } from "@iot/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Central, DEVICE } from "./central.ts";

const MAIN = join(import.meta.dirname, "../src/main.ts");

let nats: NatsServer;
let central: Central;
let device: Device;
let folder: TempFolder;
let agent: ServerProcess | undefined;

beforeAll(async () => {
  [nats, device, folder] = await Promise.all([startNats(), startDevice({ name: DEVICE }), makeTempFolder("agent")]);
  central = await Central.connect(nats.url);
  for (const version of ["1", "2"]) await loadImage(device.podmanSocket, await makeImage({ reference: `localhost/hello:${version}` }));
  const config = `[agent]
device_id = "${DEVICE}"
state_dir = "${folder.path}/state"
run_dir = "${folder.path}"
status_interval_seconds = 2
relist_interval_seconds = 2
[credentials]
type = "nats-user"
nats_user = "iot-agent"
nats_pass = "never-shown"
[nats]
urls = ["${nats.url}"]
[podman]
socket = "${device.podmanSocket}"
`;
  await writeFile(join(folder.path, "config.toml"), config, { mode: 0o600 });
  await podman("run", "--detach", "--name", "foreign", "localhost/hello:1");
  await startAgent();
});
afterAll(async () => {
  await agent?.stop();
  await central?.close();
  await Promise.all([device?.stop(), nats?.stop()]);
  await folder?.remove();
});

async function startAgent(): Promise<void> {
  agent = await startServerProcess({
    name: "iot-agent",
    argv: [process.execPath, MAIN, "--config", join(folder.path, "config.toml")],
    ready: () => Promise.resolve(agentLog().includes("connected to NATS") || agent === undefined),
  });
}
const agentLog = (): string => agent?.log() ?? "";
const podman = async (...args: string[]): Promise<string> => (await device.exec(["podman", ...args], { user: "iot-agent" })).stdout.trim();
const containers = async (): Promise<string[]> => (await podman("ps", "--all", "--format", "{{.Names}}")).split("\n").toSorted();
const idOf = (name: string): Promise<string> => podman("inspect", "--format", "{{.Id}}", name);

function score(image: string, port: number): string {
  return JSON.stringify({ type: "PodmanV0", data: { services: [{ name: "hello", image, ports: [`${port}:8080`] }] } });
}

function page(port: number, text: string): Promise<string> {
  return eventually(
    async () => {
      const found = await (await fetch(`http://${device.address}:${port}/`, { signal: AbortSignal.timeout(2_000) })).text();
      return found.includes(text) ? found : Promise.reject(new Error(`the page says ${found}`));
    },
    { what: `the page at ${port} says ${text}`, timeoutMs: 60_000 },
  );
}

const phase = (wanted: string, reason: string) =>
  central.untilStatus(
    `hello is ${wanted}`,
    ({ deployments }) => deployments["hello"]?.phase === wanted && deployments["hello"].reason === reason,
  );

test("a Score becomes a page, and the status says Running", async () => {
  const { hello: revision } = await central.apply({ hello: score("localhost/hello:1", 8081) });
  expect(await page(8081, "version=1")).toContain(`device=${DEVICE} deployment=hello service=hello`);
  expect((await phase("Running", "Running")).deployments["hello"]).toMatchObject({
    runningRevision: revision,
    services: [{ name: "hello", phase: "Running", image: "localhost/hello:1" }],
  });
  expect(await containers()).toEqual(["foreign", "hello_hello"]);
});

test("the inventory says what the device can do in words of the contract, and nothing of the agent's own parts", async () => {
  const { inventory } = (await eventually(() => central.inventory())) ?? {};
  expect(inventory).toMatchObject({ ok: true, value: { device: DEVICE, capabilities: [CAPABILITIES.podman] } });
});

test("another image takes its place", async () => {
  await central.apply({ hello: score("localhost/hello:2", 8081) });
  await page(8081, "version=2");
  await phase("Running", "Running");
  expect(await containers()).toEqual(["foreign", "hello_hello"]);
});

test("an image that is not there leaves the old page, with a sentence that would repair it", async () => {
  await central.apply({ hello: score("localhost/hello:none", 8081) });
  const status = await central.untilStatus("it says so", ({ deployments }) => deployments["hello"]?.phase === "Blocked");
  expect(status.deployments["hello"]?.message).toContain("localhost/hello:none");
  await page(8081, "version=2");
  await central.apply({ hello: score("localhost/hello:2", 8081) });
  await phase("Running", "Running");
});

test("a container that was removed by hand is put back", async () => {
  const before = await idOf("hello_hello");
  await podman("rm", "--force", "--time", "0", "hello_hello");
  await page(8081, "version=2");
  expect(await idOf("hello_hello")).not.toBe(before);
});

test("Podman's socket is gone and comes back: containers are left alone, and the status says so meanwhile", async () => {
  await phase("Running", "Running");
  const before = await idOf("hello_hello");
  const systemctl = (verb: string) => device.exec(["systemctl", "--user", verb, "podman.socket", "podman.service"], { user: "iot-agent" });
  await systemctl("stop");
  const status = await central.untilStatus("it is reported", ({ problem }) => problem?.reason === "TopologyUnavailable");
  expect(status.problem?.message).toContain("Podman");
  await page(8081, "version=2");
  await device.exec(["systemctl", "--user", "start", "podman.socket"], { user: "iot-agent" });
  await central.untilStatus("it is over", ({ problem, deployments }) => problem === undefined && deployments["hello"]?.phase === "Running");
  expect(await idOf("hello_hello")).toBe(before);
});

test("the agent ends within 5 s of SIGTERM, and an agent without memory leaves what runs as it is", async () => {
  const before = await idOf("hello_hello");
  const startedAt = performance.now();
  await agent?.stop();
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  await page(8081, "version=2");
  await rm(join(folder.path, "state"), { recursive: true });
  const stoppedAt = new Date().toISOString();
  await startAgent();
  await central.untilStatus(
    "it reports again",
    ({ reportedAt, deployments }) => reportedAt > stoppedAt && deployments["hello"]?.phase === "Running",
  );
  expect(await idOf("hello_hello")).toBe(before);
});

test("what the manifest no longer names is removed, foreign containers never", async () => {
  const foreign = await idOf("foreign");
  await central.apply({});
  await central.untilStatus("it is forgotten", ({ deployments }) => Object.keys(deployments).length === 0);
  expect(await containers()).toEqual(["foreign"]);
  expect(await idOf("foreign")).toBe(foreign);
});

test("the password is in no line of the log", () => {
  expect(agentLog()).not.toContain("never-shown");
  expect(agentLog()).toContain("connected to NATS");
});
