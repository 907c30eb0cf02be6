// A blank device gets an identity of its own and runs what it should; one that is disabled is out
// and stays out; and who has an identity needs none of the parts that gave it. Everything real:
// NATS, callout, enrolment service over TLS, operator, the installed agent under systemd.

import { eventually, makeGitRepository, type GitRepository, startOperatorProcess, type OperatorProcess } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type IdentityParts, startIdentityParts } from "../world/identity-parts.ts";
import { type SimulatedDevice, startSimulatedDevice } from "../world/simulated-device.ts";
import { DEVICE_ID } from "../world/demo-device.ts";
import { deploymentYaml } from "../world/workload.ts";

const stack = new AsyncDisposableStack();
let device: SimulatedDevice;
let parts: IdentityParts;
let repository: GitRepository;
let operator: OperatorProcess;

beforeAll(async () => {
  device = stack.use(await startSimulatedDevice());
  parts = await startIdentityParts(device.hostAddress, stack, { users: { "iot-agent": "demo-password" } });
  repository = stack.use(await makeGitRepository());
  operator = await startOperatorProcess({ ...parts.operatorEnv, IOT_GIT_URL: repository.url, IOT_SOURCE_ID: "git:identity" }, "healthz");
  stack.defer(() => operator.stop());
  await repository.setHook(
    "post-receive",
    `#!/bin/sh\nexec curl --silent --max-time 2 --output /dev/null --request POST http://127.0.0.1:${operator.port}/hooks/git\n`,
  );
});
afterAll(() => stack.disposeAsync());

const status = async (): Promise<string> => {
  const { stdout, stderr } = await device.exec(["iot-agent", "status"], { allowExitCodes: [0, 1, 3] });
  return `${stdout}${stderr}`;
};

async function expectSays(text: RegExp | string, what: string, said: () => Promise<string> = status): Promise<string> {
  return eventually(
    async () => {
      const now = await said();
      return (typeof text === "string" ? now.includes(text) : text.test(now)) ? now : Promise.reject(new Error(`it says: ${now}`));
    },
    { what, timeoutMs: 30_000 },
  );
}

async function push(version: string): Promise<void> {
  await repository.commit({ "hello.yaml": deploymentYaml({ device: "pi-7", image: device.image(version), port: 8080 }) }, version);
  await repository.push();
}

const page = async (port = 8080): Promise<string> =>
  (await device.curl(port).catch((error: unknown) => ({ stdout: String(error) }))).stdout;

test("an image with a token makes its device wait for approval, and the approved device runs what it should", async () => {
  const created = await parts.iot(["bootstrap", "create", "--name", "spring", "--max", "2", "--days", "30"]);
  expect(created).toMatchObject({ exitCode: 0 });
  // A simulated device has no console of its own.
  await device.exec(["touch", "/dev/console"]);
  await device.startByBootstrap(created.stdout);
  const waiting = await expectSays(/waiting for approval: \S+/, "it shows the code of its key");
  const code = /waiting for approval: (\S+)/.exec(waiting)?.[1] ?? "";
  const { stdout: service } = await device.exec(["systemctl", "show", "iot-agent", "--property=StatusText,ActiveState"]);
  expect(service).toContain(`StatusText=waiting for approval: ${code}`);
  const onConsole = async (): Promise<string> => (await device.exec(["cat", "/dev/console"])).stdout;
  await expectSays(`iot-agent: waiting for approval: ${code}\n`, "its console shows the code", onConsole);
  expect((await parts.iot(["devices", "--pending"])).stdout).toContain(code);
  await push("1");
  expect(await parts.iot(["device", "approve", code, "--id", "pi-7", "--label", "site=north"])).toMatchObject({ exitCode: 0 });
  await expectSays("connected to NATS", "it is connected");
  await expectSays("version=1", "its page answers", () => page());
  expect(await onConsole()).toMatch(/iot-agent: this device is "pi-7" now\n$/);
});

test("neither the log nor the status has the key, the token or the code", async () => {
  const { stdout: journal } = await device.exec(["journalctl", "--unit=iot-agent", "--output=cat", "--no-pager"]);
  const { stdout: token } = await device.exec(["cat", "/var/lib/iot-agent/identity/token.json"]);
  const secret = /"access_token":"([^"]+)"/.exec(token)?.[1] ?? "";
  expect(secret).not.toBe("");
  for (const text of [journal, await status(), parts.callout.log(), parts.enrolment.log(), operator.log()]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain("PRIVATE KEY");
  }
  const { stdout: modes } = await device.exec([
    "stat",
    "--format=%a %U",
    "/var/lib/iot-agent/identity/key.pem",
    "/var/lib/iot-agent/identity",
  ]);
  expect(modes).toBe("600 iot-agent\n700 iot-agent\n");
});

test("a person asks the device by the secret of the enrolment service: is it there, what does its program say", async () => {
  const ping = await parts.iot(["ping", "pi-7"]);
  expect(ping).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("pi-7") as unknown });
  const logs = await parts.iot(["logs", "--agent", "pi-7"]);
  expect(logs).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("connected to NATS") as unknown });
  const nobody = await parts.iot(["ping", "pi-9"]);
  expect(nobody).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("pi-9") as unknown });
});

test("with the enrolment service gone and the callout killed, it comes back after a restart", async () => {
  await parts.enrolment.kill();
  await parts.callout.kill();
  await parts.callout.start();
  await device.exec(["systemctl", "restart", "iot-agent"]);
  await expectSays("connected to NATS", "it is connected by the token on its disk");
  await push("2");
  await expectSays("version=2", "the new version answers", () => page());
  await parts.enrolment.start();
});

test("a disabled device is out at once, stays out, runs what it ran, and comes back when enabled", async () => {
  const disabled = await parts.iot(["device", "disable", "pi-7", "--reason", "stolen"]);
  expect(disabled).toMatchObject({ exitCode: 0 });
  await expectSays(/refuses the identity of "pi-7"/, "it says that it is refused");
  await device.exec(["systemctl", "restart", "iot-agent"]);
  await expectSays(/disabled \(stolen\)|refuses the identity/, "it is refused again");
  expect(await page()).toContain("version=2");
  expect((await parts.iot(["device", "list"])).stdout).toMatch(/pi-7.*disabled/);
  expect(await parts.iot(["device", "enable", "pi-7"])).toMatchObject({ exitCode: 0 });
  await expectSays("connected to NATS", "it is in again");
});

test("a link that the agent's user has planted leads root nowhere", async () => {
  const [folder, planted] = ["/etc/iot-agent", "/etc/sudoers.d/planted"];
  await device.exec(["sh", "-c", `chown iot-agent ${folder} && ln -s ${planted} ${folder}/config.toml.new`]);
  const refused = await device.enrol({ ...parts, code: "0000-0000-0000" });
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("can be written by others than root") as unknown });
  await device.exec(["sh", "-c", `test ! -e ${planted} && rm ${folder}/config.toml.new && chown root ${folder}`]);
});

test("a device whose card is new gets its identity by a code, and a wrong code changes nothing", async () => {
  await device.exec(["systemctl", "stop", "iot-agent"]);
  await device.exec(["rm", "-r", "/var/lib/iot-agent/identity", "/etc/iot-agent/config.toml"]);
  const added = await parts.iot(["device", "add", "pi-8"]);
  const code = /^[0-9A-Z]{4}(-[0-9A-Z]{4}){2}$/m.exec(added.stdout)?.[0] ?? "";
  const wrong = await device.enrol({ ...parts, code: "0000-0000-0000" });
  expect(wrong.exitCode).toBe(1);
  expect(wrong.stderr).toMatch(/; the configuration is as it was\n$/);
  expect((await device.exec(["test", "-e", "/etc/iot-agent/config.toml"], { allowExitCodes: [0, 1] })).exitCode).toBe(1);
  const enrolled = await device.enrol({ ...parts, code });
  expect(enrolled).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('this device is "pi-8" now') as unknown });
  await expectSays("connected to NATS", "it is connected");
  const { stdout: config } = await device.exec(["stat", "--format=%a %U:%G", "/etc/iot-agent/config.toml"]);
  expect(config).toBe("640 root:iot-agent\n");
  expect(await page(), "what another id was to run stays").toContain("version=2");
});

test("a device with a user of NATS of its own comes to an identity, and its container does not notice", async () => {
  await device.exec(["systemctl", "stop", "iot-agent"]);
  await device.exec(["rm", "-r", "/var/lib/iot-agent/identity"]);
  await device.startAgent({ natsUrl: parts.nats.url });
  await expectSays("connected to NATS", "it is connected by its user");
  const other = deploymentYaml({ name: "other", device: DEVICE_ID, image: device.image("1"), port: 8081 });
  await repository.commit({ "other.yaml": other }, "other");
  await repository.push();
  await expectSays("version=1", "its page answers", () => page(8081));
  const container = "other_hello";
  const startedAt = await device.startedAt(container);
  const added = await parts.iot(["device", "add", DEVICE_ID]);
  const code = /^[0-9A-Z]{4}(-[0-9A-Z]{4}){2}$/m.exec(added.stdout)?.[0] ?? "";
  expect(await device.enrol({ ...parts, code })).toMatchObject({ exitCode: 0 });
  await expectSays("connected to NATS", "it is connected by its identity");
  expect((await device.exec(["cat", "/etc/iot-agent/config.toml"])).stdout).not.toMatch(/nats_pass|nats_user/);
  expect((await parts.iot(["devices"])).stdout).toContain(DEVICE_ID);
  expect(await device.startedAt(container)).toBe(startedAt);
});
