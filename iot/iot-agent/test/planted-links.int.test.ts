// Programs that root starts on a device where the agent's user (or a member of its group, or a
// program that has left a container) has put links and pipes: through them root's commands read
// nothing that this user may not read itself, and write nothing. package.int.test.ts has the
// installation, harmony/host has provisioning.

import { type Device, run, type RunResult } from "@iot/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type AgentDevice, startAgentDevice } from "./agent-device.ts";

const CONFIG = `[agent]
device_id = "pi-1"
[credentials]
type = "nats-user"
nats_user = "iot-agent"
nats_pass = "any"
[nats]
urls = ["nats://127.0.0.1:1"]
`;
const STATE = "/var/lib/iot-agent";
const ROOTS = "only-root-knows";

let agent: AgentDevice;
let device: Device;

beforeAll(async () => {
  agent = await startAgentDevice({ name: "pi-1", config: () => CONFIG });
  device = agent.device;
  await agent.systemctl("start", "iot-agent");
  await agent.systemctl("stop", "iot-agent");
  await root(`echo ${ROOTS} >/root/secret && chmod 0600 /root/secret`);
});
afterAll(() => device?.stop());

/** The folder is as it was while the configuration was the user's own. */
beforeEach(async () => {
  await root(`rm -rf /etc/iot-agent ${STATE}/history.jsonl && install -d -o iot-agent -g iot-agent /etc/iot-agent /etc/iot-agent/secrets`);
  await agent.writeConfig(CONFIG);
});

const root = (text: string): Promise<RunResult> => device.exec(["sh", "-euc", text]);
const asAgent = (text: string): Promise<RunResult> => device.exec(["sh", "-euc", text], { user: "iot-agent" });
async function bundle(file: string): Promise<string> {
  expect(await agent.command("root", "support-bundle", file)).toMatchObject({ exitCode: 0 });
  expect((await root(`stat --format='%U %a' ${file}`)).stdout).toBe("root 600\n");
  return (await run(["tar", "--extract", "--to-stdout", "--gzip", "--file", device.pathOnHost(file)])).stdout;
}

test("a support-bundle holds nothing that only root may read", async () => {
  await asAgent(`cd /etc/iot-agent && ln -sf /root/secret config.toml && ln -s /root/secret secrets/one && ln -s /root/secret ${STATE}/history.jsonl
    mkdir -p $HOME/.config/containers && ln -s /root/secret $HOME/.config/containers/containers.conf`);
  const texts = await bundle("/tmp/linked.tar.gz");
  expect(texts).not.toContain(ROOTS);
  expect(texts).toContain("/etc/iot-agent/config.toml cannot be read by this user");
  // The report still has the parts that only root may read.
  expect(texts).toMatch(/systemd\[1\]: Started iot-agent\.service/);
  expect((await agent.command("root", "doctor")).text).toMatch(/BAD +configuration .*this user may not read it/);
  expect((await agent.command("root", "doctor")).text).toMatch(/BAD +folder of configuration +others than root may write/);
  await asAgent("rm $HOME/.config/containers/containers.conf");
});

test("a pipe in the place of a file holds no command up", async () => {
  await asAgent(`cd /etc/iot-agent && rm -f config.toml && mkfifo config.toml secrets/two ${STATE}/history.jsonl`);
  expect(await bundle("/tmp/pipes.tar.gz")).toContain("the agent is not running (inactive)");
  expect((await agent.command("root", "history")).exitCode).toBe(3);
  expect((await agent.command("root", "doctor")).text).toMatch(/BAD +configuration /);
});

test("a link in the place of the file that is to be written is not followed", async () => {
  await asAgent("ln -s /root/written /tmp/planted.tar.gz");
  expect((await agent.command("root", "support-bundle", "/tmp/planted.tar.gz")).text).toContain("cannot write /tmp/planted.tar.gz: EEXIST");
  expect((await root("ls /root")).stdout).toBe("secret\n");
});

test("a link in the place of a socket leads to none that only root may ask", async () => {
  await root("systemd-run --quiet --unit=roots-podman podman system service --time=0 unix:///run/roots.sock");
  await root("until [ -S /run/roots.sock ]; do :; done; chmod 0600 /run/roots.sock");
  await asAgent("cd /run/iot-agent && mv podman.sock kept.sock && ln -s /run/roots.sock podman.sock");
  const { text, exitCode } = await agent.command("root", "podman", "--url=unix:///run/iot-agent/podman.sock", "ps");
  expect({ text, exitCode }).toEqual({ text: expect.stringContaining("permission denied") as unknown, exitCode: 125 });
  await asAgent("cd /run/iot-agent && mv kept.sock podman.sock");
  await root("systemctl stop roots-podman");
});

test("an image is loaded from a file that only root may read", async () => {
  await root("cd /root && printf 'no image' >image.tar && chmod 0600 image.tar");
  // Podman receives the file, and does not accept it as an image.
  expect((await agent.command("root", "load", "/root/image.tar")).text).toMatch(/load|archive/);
  expect((await agent.command("root", "load", "/root/image.tar")).text).not.toContain("cannot read");
});
