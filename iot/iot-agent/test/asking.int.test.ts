// What a person asks a device from afar: `iot` as it is typed, through a real NATS with the shipped
// accounts, to an agent as it is installed, with real Podman and journald. One device, one story.

import { join } from "node:path";
import {
  type Device,
  loadImage,
  makeImage,
  ACCOUNT_PASSWORDS,
  natsAccountsConfig,
  type NatsServer,
  run,
  type RunResult,
  startNats,
} from "@iot/testkit";
import { fixedCredentials } from "@iot/messaging/device";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentDevice, startAgentDevice } from "./agent-device.ts";
import { Central, DEVICE } from "./central.ts";

const IOT = join(import.meta.dirname, "../../iot-cli/src/main.ts");

let nats: NatsServer;
let central: Central;
let agent: AgentDevice;
let device: Device;

const config = (more = ""): string => `[agent]
device_id = "${DEVICE}"
status_interval_seconds = 2
relist_interval_seconds = 2
[credentials]
type = "toml-shared"
nats_user = "${DEVICE}"
nats_pass = "${DEVICE}-secret"
[nats]
urls = ["${nats.url}"]
${more}`;

type Role = "viewer" | "support" | "maintainer";
const environment = (role: Role): Record<string, string> => ({
  NATS_URL: nats.url,
  NATS_USER: `alice-${role}`,
  NATS_PASSWORD: ACCOUNT_PASSWORDS.people,
});
const iot = (role: Role, ...args: string[]): Promise<RunResult> =>
  run([process.execPath, IOT, ...args], { env: environment(role), allowExitCodes: [0, 1, 2, 3, 4, 7, 125, 126, 127, 130] });

beforeAll(async () => {
  agent = await startAgentDevice({ name: DEVICE, config: () => "[agent]\n" });
  device = agent.device;
  nats = await startNats({ host: device.hostAddress, config: natsAccountsConfig({ devices: [DEVICE] }) });
  central = await Central.connect(nats.url, DEVICE, fixedCredentials({ user: "operator", pass: ACCOUNT_PASSWORDS.operator }));
  await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
  await agent.writeConfig(config());
  await agent.systemctl("restart", "iot-agent");
  const score = (image: string, port: number): string =>
    JSON.stringify({ type: "PodmanV0", data: { services: [{ name: "hello", image, ports: [`${port}:8080`] }] } });
  await central.apply({ hello: score("localhost/hello:1", 8081) });
  await central.untilStatus("hello runs", ({ deployments }) => deployments["hello"]?.phase === "Running");
});
afterAll(async () => {
  await central?.close();
  await Promise.all([device?.stop(), nats?.stop()]);
});

test("ping says which agent answers; nobody there is said at once", async () => {
  expect(await iot("viewer", "ping", DEVICE)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^pi-1 {2}\d+ ms {2}agent \S+, up .*; it permits logs\n$/) as unknown,
  });
  const startedAt = performance.now();
  expect(await iot("viewer", "ping", "pi-9")).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining("pi-9 is not connected") as unknown,
  });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("the agent's own journal", async () => {
  const { exitCode, stdout, stderr } = await iot("support", "logs", "--agent", DEVICE);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toContain("connected to NATS");
});

test("what a container wrote", async () => {
  expect(await iot("support", "logs", "hello/hello", DEVICE)).toMatchObject({
    exitCode: 0,
    stdout: "serving version 1 on port 8080\n",
    stderr: "",
  });
  expect(await iot("viewer", "logs", "hello", DEVICE)).toMatchObject({
    exitCode: 4,
    stdout: "",
    stderr: expect.stringContaining("NATS does not permit it") as unknown,
  });
});
