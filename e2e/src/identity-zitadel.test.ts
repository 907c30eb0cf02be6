// A device whose tokens come from Zitadel: it is let in, runs what it should, needs neither Zitadel nor
// the enrolment service for it, gets another key, and is out at once when it is stolen. Everything
// real but Zitadel: the issuer of the tests, on Zitadel's own library, stands for it.

import {
  eventually,
  type GitRepository,
  makeGitRepository,
  type OperatorProcess,
  startIssuer,
  startOperatorProcess,
  type TestIssuer,
} from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type IdentityParts, startIdentityParts } from "../world/identity-parts.ts";
import { type SimulatedDevice, startSimulatedDevice } from "../world/simulated-device.ts";
import { deploymentYaml } from "../world/workload.ts";

const stack = new AsyncDisposableStack();
let device: SimulatedDevice;
let zitadel: TestIssuer;
let parts: IdentityParts;
let repository: GitRepository;
let operator: OperatorProcess;

beforeAll(async () => {
  device = stack.use(await startSimulatedDevice());
  zitadel = stack.use(await startIssuer({ host: device.hostAddress, lag: "500ms" }));
  parts = await startIdentityParts(device.hostAddress, stack, { zitadel });
  repository = stack.use(await makeGitRepository());
  operator = await startOperatorProcess({ ...parts.operatorEnv, IOT_GIT_URL: repository.url, IOT_SOURCE_ID: "git:identity" }, "healthz");
  stack.defer(() => operator.stop());
});
afterAll(() => stack.disposeAsync());

const status = async (): Promise<string> => {
  const { stdout, stderr } = await device.exec(["iot-agent", "status"], { allowExitCodes: [0, 1, 3] });
  return `${stdout}${stderr}`;
};

async function expectSays(text: RegExp, what: string, said: () => Promise<string> = status): Promise<string> {
  return eventually(
    async () => {
      const now = await said();
      return text.test(now) ? now : Promise.reject(new Error(`it says: ${now}`));
    },
    { what, timeoutMs: 30_000 },
  );
}

const page = async (): Promise<string> => (await device.curl(8080).catch((error: unknown) => ({ stdout: String(error) }))).stdout;
const inFile = async (name: string): Promise<string> => (await device.exec(["cat", `/var/lib/iot-agent/identity/${name}.json`])).stdout;

async function expectTokenOf(issuer: string): Promise<void> {
  const claims = Buffer.from((await inFile("token")).split(".")[1] ?? "", "base64url").toString();
  expect(claims).toContain(`"iss":"${issuer}"`);
}

test("a device that is approved gets an account at Zitadel, and by the token of it what it should run", async () => {
  const created = await parts.iot(["bootstrap", "create", "--name", "spring", "--max", "2", "--days", "30"]);
  await device.startByBootstrap(created.stdout);
  const waiting = await expectSays(/waiting for approval: \S+/, "it shows the code of its key");
  const code = /waiting for approval: (\S+)/.exec(waiting)?.[1] ?? "";
  expect(await parts.iot(["device", "approve", code, "--id", "pi-7"])).toMatchObject({ exitCode: 0 });
  await expectSays(/connected to NATS/, "it is connected");
  await expectTokenOf(zitadel.url);
  await repository.commit({ "hello.yaml": deploymentYaml({ device: "pi-7", image: device.image("1"), port: 8080 }) }, "1");
  await repository.push();
  await expectSays(/version=1/, "its page answers", page);
});

test("with Zitadel and the enrolment service away, and the callout killed, it comes back after a restart", async () => {
  await Promise.all([zitadel.kill(), parts.enrolment.kill(), parts.callout.kill()]);
  await parts.callout.start();
  await device.exec(["systemctl", "restart", "iot-agent"]);
  await expectSays(/connected to NATS/, "it is connected by the token on its disk");
  await zitadel.start();
  await parts.enrolment.start();
});

test("another signing key of Zitadel's, and a token that is gone: it asks, and is connected", async () => {
  await zitadel.rotate();
  await device.exec(["systemctl", "stop", "iot-agent"]);
  await device.exec(["rm", "/var/lib/iot-agent/identity/token.json"]);
  await device.exec(["systemctl", "start", "iot-agent"]);
  await expectSays(/connected to NATS/, "it is connected");
});

test("a person gives it another key, which it makes, and the one before ends", async () => {
  const before = await inFile("identity");
  expect(await parts.iot(["device", "rekey", "pi-7"])).toMatchObject({ exitCode: 0 });
  await device.exec(["systemctl", "stop", "iot-agent"]);
  await device.exec(["rm", "/var/lib/iot-agent/identity/token.json"]);
  await device.exec(["systemctl", "start", "iot-agent"]);
  await eventually(async () => (await inFile("identity")) !== before, { what: "its key is another", timeoutMs: 30_000 });
  await expectSays(/connected to NATS/, "it is connected");
});

test("with a full disk the token that it got is shown all the same, and the log says that it is not kept", async () => {
  const folder = "/var/lib/iot-agent/identity";
  await device.exec(["systemctl", "stop", "iot-agent"]);
  const full = [
    `cp -a ${folder} /tmp/kept && mount -t tmpfs -o size=32k,mode=0700 tmpfs ${folder}`,
    `cp -a /tmp/kept/key.pem /tmp/kept/identity.json ${folder} && chown -R --reference=/tmp/kept ${folder}`,
    `! cat /dev/zero > ${folder}/filler`,
  ].join(" && ");
  await device.exec(["sh", "-c", full]);
  await device.exec(["systemctl", "start", "iot-agent"]);
  await expectSays(/connected to NATS/, "it is connected by a token that is in memory alone");
  const { stdout: journal } = await device.exec(["journalctl", "--unit=iot-agent", "--output=cat", "--no-pager"]);
  expect(journal).toContain("the token is not on the disk");
  await device.exec(["sh", "-c", `systemctl stop iot-agent && umount ${folder} && rm -r /tmp/kept && systemctl start iot-agent`]);
  await expectSays(/connected to NATS/, "it is connected");
});

test("stolen, it is out at Zitadel and at NATS, and what it runs goes on", async () => {
  const disabled = await parts.iot(["device", "disable", "pi-7", "--reason", "stolen"]);
  expect(disabled).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/done {2}zitadel: deactivated/) as unknown });
  await expectSays(/refuses the identity of "pi-7"/, "it says that it is refused");
  expect(await page()).toContain("version=1");
  expect(await parts.iot(["device", "enable", "pi-7"])).toMatchObject({ exitCode: 0 });
  await expectSays(/connected to NATS/, "it is in again");
});

test("neither logs nor status have the key or a token", async () => {
  const secret = /"access_token":"([^"]+)"/.exec(await inFile("token"))?.[1] ?? "";
  expect(secret).not.toBe("");
  const { stdout: journal } = await device.exec(["journalctl", "--unit=iot-agent", "--output=cat", "--no-pager"]);
  for (const text of [journal, await status(), parts.callout.log(), parts.enrolment.log(), operator.log(), zitadel.log()]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain("PRIVATE KEY");
  }
});
