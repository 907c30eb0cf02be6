// What a person without the operator's password sees and may say: `iot` as it is typed by users of
// the account of people, against a real operator on the accounts that are shipped.

import { join } from "node:path";
import { asDeviceId } from "@iot/contracts";
import { connectMessaging, fixedCredentials, openStatusWriter } from "@iot/messaging";
import { createLog } from "@harmony/runtime";
import {
  ACCOUNT_PASSWORDS,
  eventually,
  makeGitRepository,
  natsAccountsConfig,
  run,
  type RunResult,
  startNats,
  startOperatorProcess,
} from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";

const MAIN = join(import.meta.dirname, "../src/main.ts");
const COUNT = 12;
const DEVICES = Array.from({ length: COUNT }, (_, index) => `pi-${index}`);

function workload(devices: readonly string[]): string {
  return `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: { name: hello }
spec:
  targetDevices: [${devices.join(", ")}]
  score: { type: PodmanV0, data: { services: [{ name: web, image: "web:1" }] } }
`;
}

async function world() {
  const nats = await startNats({ config: natsAccountsConfig({ devices: ["pi-0"] }) });
  onTestFinished(() => nats.stop());
  const repository = await makeGitRepository();
  onTestFinished(() => repository.remove());
  const push = async (files: Readonly<Record<string, string | null>>): Promise<void> => {
    await repository.commit(files);
    await repository.push();
  };
  await push({ "a.yaml": workload(DEVICES) });
  const operator = await startOperatorProcess({
    NATS_URL: nats.url,
    NATS_USER: "operator",
    NATS_PASSWORD: ACCOUNT_PASSWORDS.operator,
    IOT_GIT_URL: repository.url,
    IOT_SOURCE_ID: "git:demo",
    IOT_GIT_POLL_SECONDS: "1",
  });
  onTestFinished(() => operator.kill());
  const as = (role: string, ...args: string[]): Promise<RunResult> => {
    const pass = role === "operator" ? ACCOUNT_PASSWORDS.operator : ACCOUNT_PASSWORDS.people;
    const env = { NATS_URL: nats.url, NATS_USER: role === "operator" ? role : `alice-${role}`, NATS_PASSWORD: pass };
    return run([process.execPath, MAIN, ...args], { env, allowExitCodes: [0, 1, 2, 3, 4] });
  };
  return { nats, push, as };
}

test("a viewer sees the fleet as the operator does, and lets nothing go; an admin does", async () => {
  const { nats, push, as } = await world();
  const device = asDeviceId("pi-0");
  const log = createLog({ name: "test", level: "error" });
  const signal = AbortSignal.timeout(60_000);
  const credentials = fixedCredentials({ user: device, pass: `${device}-secret` });
  const messaging = await connectMessaging({ servers: [nats.url], name: device, device, credentials, log, signal });
  onTestFinished(() => messaging.close());
  const at = { agentVersion: "0.2.0", bootId: "b", reportedAt: "2026-01-01T00:00:00Z", manifestRevision: 1 };
  await openStatusWriter(messaging, device).putStatus({ device, ...at, deployments: {} }, signal);

  const listed = await eventually(
    async () => {
      const { stdout } = await as("viewer", "status", "-o", "wide");
      return stdout.includes("git:demo: follows") && stdout.includes("pi-11") ? stdout : Promise.reject(new Error(stdout));
    },
    { what: "a viewer sees it", timeoutMs: 30_000 },
  );
  const withoutAges = (text: string): string => text.replaceAll(/\d+ (s|min)\b/g, "").replaceAll(/ +/g, " ");
  expect(withoutAges(listed)).toBe(withoutAges((await as("operator", "status", "-o", "wide")).stdout));
  expect((await as("viewer", "explain", "hello", "pi-0")).stdout).toContain("has not reported on it yet");

  await push({ "a.yaml": null });
  const held = await eventually(
    async () => {
      const { stdout } = await as("viewer", "status");
      const [, token] = /iot confirm (\w+)/.exec(stdout) ?? [];
      return token ?? Promise.reject(new Error(stdout));
    },
    { what: "the removal is held", timeoutMs: 30_000 },
  );
  for (const role of ["viewer", "maintainer"]) {
    expect(await as(role, "confirm", held)).toMatchObject({
      exitCode: 4,
      stderr: 'iot: NATS does not permit "confirm" to this user: the role admin may say it\n',
    });
  }
  expect(await as("admin", "confirm", held)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("removes default/hello") as unknown,
  });
  expect(await as("viewer", "device", "forget", "pi-3")).toMatchObject({ exitCode: 4 });
  // The audit names the user of NATS, as the server says it.
  const audit = await as("viewer", "audit");
  expect(audit).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/ {2}held {2}operator {2}/) as unknown });
  expect(audit.stdout).toMatch(/ {2}confirm {2}alice-admin {2}removes default\/hello/);
});
