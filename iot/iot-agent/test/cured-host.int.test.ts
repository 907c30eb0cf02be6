// The agent as its package installs it, within the bounds of its unit, restarts Podman's service of
// its user when a person has cured the host. harmony/podman shows the cures themselves.

import { loadImage, makeImage, startNats, startRegistry } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { startAgentDevice } from "./agent-device.ts";
import { Central, DEVICE } from "./central.ts";

const score = (image: string, port: number): string =>
  JSON.stringify({ type: "PodmanV0", data: { services: [{ name: "web", image, ports: [`${port}:8080`] }] } });

test("a registry that a person names in registries.conf.d is believed within 10 s, and the containers that run do not notice", async () => {
  const agent = await startAgentDevice({ name: DEVICE, config: () => "[agent]\n" });
  const { device } = agent;
  onTestFinished(() => device.stop());
  await using nats = await startNats({ host: device.hostAddress });
  await using registry = await startRegistry({ host: device.hostAddress });
  await agent.writeConfig(`[agent]
device_id = "${DEVICE}"
status_interval_seconds = 2
[credentials]
type = "nats-user"
nats_user = "iot-agent"
nats_pass = "any"
[nats]
urls = ["${nats.url}"]
`);
  await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
  const image = await registry.push(await makeImage({ reference: "cured:1" }), "cured:1");
  const central = await Central.connect(nats.url);
  onTestFinished(() => central.close());
  const hello = async (): Promise<string> =>
    (await agent.command("root", "podman", "inspect", "--format={{.Id}}{{.State.StartedAt}}", "hello_web")).stdout;
  const service = (): Promise<string> => agent.systemctl("--user", "--machine=iot-agent@", "show", "--property=MainPID", "podman.service");
  const untilPhase = (name: string, phase: string) =>
    central.untilStatus(`${name} is ${phase}`, ({ deployments }) => deployments[name]?.phase === phase);

  await central.apply({ hello: score("localhost/hello:1", 8081) });
  await agent.systemctl("start", "iot-agent");
  await untilPhase("hello", "Running");
  const [before, old] = [await hello(), await service()];
  await central.apply({ hello: score("localhost/hello:1", 8081), cured: score(image, 8082) });
  await untilPhase("cured", "Blocked");
  const curedAtMs = Date.now();
  await device.trustRegistry(registry.address);
  await untilPhase("cured", "Running");
  expect(Date.now() - curedAtMs).toBeLessThan(10_000);
  expect(await service()).not.toBe(old);
  expect(await hello()).toBe(before);
});
