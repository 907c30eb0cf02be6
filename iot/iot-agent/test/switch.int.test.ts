// A program says "not now", through the whole agent on a device: the fleet sees since when and
// until when, an agent that is restarted goes on waiting, the end of the file is noticed, and a
// person at the device does not have to wait.

import { type Device, loadImage, makeImage, type NatsServer, startNats } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentDevice, startAgentDevice } from "./agent-device.ts";
import { Central, DEVICE } from "./central.ts";

let nats: NatsServer;
let central: Central;
let agent: AgentDevice;
let device: Device;

beforeAll(async () => {
  agent = await startAgentDevice({ name: DEVICE, config: () => "[agent]\n" });
  device = agent.device;
  const users = `users = [{ user: iot-agent, password: agent }, { user: central, password: central }]`;
  nats = await startNats({ host: device.hostAddress, config: `authorization { ${users} }\nno_auth_user: central` });
  central = await Central.connect(nats.url);
  for (const tag of ["1", "2", "3"]) await loadImage(device.podmanSocket, await makeImage({ reference: `localhost/hello:${tag}` }));
  await agent.writeConfig(`[agent]
device_id = "${DEVICE}"
status_interval_seconds = 2
[credentials]
type = "toml-shared"
nats_user = "iot-agent"
nats_pass = "agent"
[nats]
urls = ["${nats.url}"]
`);
  await agent.systemctl("restart", "iot-agent");
});
afterAll(async () => {
  await central?.close();
  await Promise.all([device?.stop(), nats?.stop()]);
});

const score = (tag: string): string =>
  JSON.stringify({
    type: "PodmanV0",
    data: { services: [{ name: "arm", image: `localhost/hello:${tag}`, busy: { atMost: "1h" }, stopTimeoutSeconds: 1 }] },
  });
const busyFile = (deed: "touch" | "rm"): Promise<unknown> =>
  agent.command("engineer", "podman", "exec", "line_arm", "busybox", deed, "/run/iot/busy");
const untilReason = (reason: string, image: string): Promise<unknown> =>
  central.untilStatus(`line is ${reason} with ${image}`, ({ deployments }) => {
    const report = deployments["line"];
    return report?.reason === reason && report.services[0]?.image === image;
  });
const messageOf = async (): Promise<string> => (await central.status())?.deployments["line"]?.message ?? "";

test("a new version waits, the fleet sees it, and it is made when the work has ended", { timeout: 120_000 }, async () => {
  await central.apply({ line: score("1") });
  await untilReason("Running", "localhost/hello:1");
  expect(await agent.command("engineer", "switch", "line")).toMatchObject({ exitCode: 1 });
  expect((await agent.command("engineer", "switch", "line")).text).toContain('"line" waits for no container that is at work');
  await busyFile("touch");
  await central.apply({ line: score("2") });
  await untilReason("Busy", "localhost/hello:1");
  const said = await messageOf();
  expect(said).toMatch(/^arm is at work since \d\d:\d\d UTC\S*; the new version waits, at the latest until \d\d:\d\d UTC/);
  const explained = (await agent.command("engineer", "explain", "line")).text.replaceAll(/\s+/g, " ");
  expect(explained).toContain("is at work (/run/iot/busy is there");
  await agent.systemctl("restart", "iot-agent");
  await untilReason("Busy", "localhost/hello:1");
  expect(await messageOf()).toBe(said);
  await busyFile("rm");
  await central.untilStatus("the new version is on trial or runs", ({ deployments }) => {
    return deployments["line"]?.services[0]?.image === "localhost/hello:2";
  });
  await untilReason("Running", "localhost/hello:2");
});

test("a person does not have to wait", { timeout: 120_000 }, async () => {
  await busyFile("touch");
  await central.apply({ line: score("3") });
  await untilReason("Busy", "localhost/hello:2");
  const { text, exitCode } = await agent.command("engineer", "switch", "line");
  expect({ text, exitCode }).toEqual({ text: "line does not wait any longer: iot-agent explain line tells how it goes\n", exitCode: 0 });
  await untilReason("Running", "localhost/hello:3");
});
