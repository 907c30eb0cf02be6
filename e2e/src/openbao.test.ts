// A blank device finds NATS by OpenBao and has its secrets from there, by its own token; a secret that
// is another makes its service anew; and neither an OpenBao that is sealed nor a boot without a
// network takes a secret away. Everything real.

import { eventually, makeGitRepository, type GitRepository, type OpenBao, startOperatorProcess } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type IdentityParts, startIdentityParts } from "../world/identity-parts.ts";
import { type SimulatedDevice, startSimulatedDevice } from "../world/simulated-device.ts";

const stack = new AsyncDisposableStack();
let device: SimulatedDevice;
let parts: IdentityParts;
let bao: OpenBao;
let repository: GitRepository;

beforeAll(async () => {
  device = stack.use(await startSimulatedDevice());
  parts = await startIdentityParts(device.hostAddress, stack);
  bao = await parts.useOpenBao();
  repository = stack.use(await makeGitRepository());
  const operator = await startOperatorProcess({ ...parts.operatorEnv, IOT_GIT_URL: repository.url, IOT_SOURCE_ID: "git:bao" }, "healthz");
  stack.defer(() => operator.stop());
  await repository.setHook(
    "post-receive",
    `#!/bin/sh\nexec curl --silent --max-time 2 --output /dev/null --request POST http://127.0.0.1:${operator.port}/hooks/git\n`,
  );
});
afterAll(() => stack.disposeAsync());

const inside = async (...argv: readonly string[]): Promise<string> => (await device.exec(argv, { user: "iot-agent" })).stdout.trim();
const secretInContainer = (name: string): Promise<string> => inside("podman", "exec", "reader_hello", "cat", `/run/secrets/${name}`);
const containerId = (): Promise<string> => inside("podman", "inspect", "--format", "{{.Id}}", "reader_hello");
const agent = async (...args: readonly string[]): Promise<{ readonly exitCode: number; readonly text: string }> => {
  const { exitCode, stdout, stderr } = await device.exec(["iot-agent", ...args], { allowExitCodes: [0, 1, 3] });
  return { exitCode, text: `${stdout}${stderr}` };
};

async function expectSays(text: RegExp | string, what: string, said: () => Promise<string>): Promise<string> {
  return eventually(
    async () => {
      const now = await said();
      return (typeof text === "string" ? now.includes(text) : text.test(now)) ? now : Promise.reject(new Error(`it says: ${now}`));
    },
    { what, timeoutMs: 40_000 },
  );
}
const status = async (): Promise<string> => (await agent("status")).text;

test("an approved device waits for its way to NATS while OpenBao is sealed, and is in when OpenBao says it", async () => {
  const created = await parts.iot(["bootstrap", "create", "--name", "spring", "--max", "2", "--days", "30"]);
  await device.startByBootstrap(created.stdout);
  const code = /waiting for approval: (\S+)/.exec(await expectSays(/waiting for approval: \S+/, "it asks", status))?.[1] ?? "";
  await bao.seal();
  const approved = await parts.iot(["device", "approve", code, "--id", "pi-7", "--label", "group=kilns"]);
  expect(approved.stdout + approved.stderr).toMatch(/openbao: it does not have the grant yet .*sealed/);
  await expectSays(/enrolled, and does not know yet where NATS is: .*sealed/, "it says what it waits for", status);
  await bao.unseal();
  await expectSays("connected to NATS", "it is connected", status);
});

test("a secret that is nowhere is named with its path and what to type, and used when it is there", async () => {
  const services = [{ name: "hello", image: device.image("1"), secrets: [{ name: "db" }, { name: "cloud" }], stopTimeoutSeconds: 5 }];
  const score = { type: "PodmanV0", data: { services } };
  const spec = { targetDevices: ["pi-7"], score, rollout: { strategy: "Immediate" } };
  const deployment = { apiVersion: "iot.nationtech.io/v1alpha1", kind: "Deployment", metadata: { name: "reader" }, spec };
  await repository.commit({ "reader.yaml": JSON.stringify(deployment) }, "reader");
  await repository.push();
  const explain = async (): Promise<string> => (await agent("explain", "reader")).text.replaceAll(/\s+/g, " ");
  const said = await expectSays(`secret "cloud" of service "hello" is not on the device`, "it says what is missing", explain);
  expect(said).toContain("bao kv put -mount=iot devices/pi-7/secrets/db value=…");
  expect(said).toContain("OpenBao answers that there is none");
  await bao.put("devices/pi-7/secrets/db", { value: "of pi-7" });
  await bao.put("groups/kilns/secrets/cloud", { value: "of the kilns" });
  await bao.put("groups/ovens/secrets/cloud", { value: "of the ovens" });
  expect(await agent("refresh")).toEqual({ exitCode: 0, text: "other secrets than before: cloud, db\n" });
  await expectSays(/of pi-7$/, "the container has its secret", () => secretInContainer("db").catch(String));
  expect(await secretInContainer("cloud")).toBe("of the kilns");
  const { stdout } = await device.exec(["sh", "-c", "stat --format='%a %U' /var/lib/iot-agent/secrets /var/lib/iot-agent/secrets/*"]);
  expect(stdout).toBe("700 iot-agent\n600 iot-agent\n600 iot-agent\n");
});

test("a secret that is another makes its service anew; the same one leaves it alone", async () => {
  const before = await containerId();
  expect(await agent("refresh")).toEqual({ exitCode: 0, text: "no secret is another than before\n" });
  await bao.put("devices/pi-7/secrets/db", { value: "another" });
  expect((await agent("refresh")).text).toBe("other secrets than before: db\n");
  await expectSays(/another$/, "the container has the other one", () => secretInContainer("db").catch(String));
  expect(await containerId()).not.toBe(before);
});

test("with OpenBao sealed, and after a boot without a network, the secrets are there", async () => {
  await bao.seal();
  const refreshed = await agent("refresh");
  expect(refreshed).toMatchObject({ exitCode: 1, text: expect.stringMatching(/not answered, and as it was: .*sealed/) as unknown });
  expect(await secretInContainer("db")).toBe("another");
  await device.powerOff();
  await device.powerOn();
  await device.cutNetwork();
  await expectSays(/another$/, "the container is back", () => secretInContainer("db").catch(String));
  const before = await containerId();
  await inside("podman", "rm", "--force", "--time", "0", "reader_hello");
  await expectSays(/another$/, "a new one has it, too", () => secretInContainer("db").catch(String));
  expect(await containerId()).not.toBe(before);
  await device.restoreNetwork();
  await bao.unseal();
});

test("neither journal nor status has a secret; the token of this device reads no other's", async () => {
  const { stdout: journal } = await device.exec(["journalctl", "--no-pager", "--output=cat"]);
  // A container may have said it, and so may a log of it.
  await inside("podman", "exec", "reader_hello", "sh", "-c", "cat /run/secrets/* > /proc/1/fd/1");
  await device.exec(["iot-agent", "support-bundle", "/root/bundle.tar.gz"], { allowExitCodes: [0, 1] });
  const { stdout: bundle } = await device.exec(["tar", "--extract", "--gzip", "--to-stdout", "--file=/root/bundle.tar.gz"]);
  expect(bundle).toContain("reader_hello");
  expect(bundle).not.toMatch(/another|of the kilns/);
  for (const text of [journal, await status(), parts.enrolment.log(), parts.callout.log()])
    for (const value of ["of pi-7", "of the kilns", "another\n"]) expect(text).not.toContain(value);
  await bao.put("devices/pi-8/secrets/db", { value: "of pi-8" });
  const { stdout: held } = await device.exec(["cat", "/var/lib/iot-agent/identity/token.json"]);
  const jwt = /"access_token":"([^"]+)"/.exec(held)?.[1] ?? "";
  const login = await bao.call("POST", "auth/iot/login", { jwt, role: "device" }, "");
  const token = /"client_token":"([^"]+)"/.exec(login.text)?.[1] ?? "";
  expect((await bao.call("GET", "iot/data/devices/pi-7/secrets/db", undefined, token)).status).toBe(200);
  expect((await bao.call("GET", "iot/data/devices/pi-8/secrets/db", undefined, token)).status).toBe(403);
});
