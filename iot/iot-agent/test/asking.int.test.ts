// What a person asks a device from afar: `iot` as it is typed, through a real NATS with the shipped
// accounts, to an agent as it is installed, with real Podman and journald. One device, one story.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Device,
  eventually,
  loadImage,
  makeImage,
  makeTempFolder,
  ACCOUNT_PASSWORDS,
  natsAccountsConfig,
  type NatsServer,
  run,
  type RunResult,
  startNats,
} from "@iot/testkit";
import { fixedCredentials } from "@iot/messaging/device";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
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
type = "nats-user"
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
  run([process.execPath, IOT, ...args], { env: environment(role), allowExitCodes: [0, 1, 2, 3, 4, 7, 125, 126, 127, 130, 255] });

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
const inContainer = (script: string): Promise<unknown> =>
  device.exec(["podman", "exec", "hello_hello", "/bin/sh", "-c", script], { user: "iot-agent" });
/** Has the container's own program write it. */
const write = (from: number, to: number): Promise<unknown> =>
  inContainer(`i=${from}; while [ $i -le ${to} ]; do echo "line $i" > /proc/1/fd/1; i=$((i+1)); done`);
const lines = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`).join("");

/** `iot` that goes on, and what it wrote so far. */
function goOn(role: Role, ...args: string[]): { readonly child: ChildProcess; stdout(): string; stderr(): string } {
  const child = spawn(process.execPath, [IOT, ...args], {
    env: { ...process.env, ...environment(role) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const written = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) child[stream].on("data", (data: Buffer) => void (written[stream] += String(data)));
  return { child, stdout: () => written.stdout, stderr: () => written.stderr };
}

afterAll(async () => {
  await central?.close();
  await Promise.all([device?.stop(), nats?.stop()]);
});

test("ping says which agent answers; nobody there is said at once", async () => {
  const askedAt = performance.now();
  expect(await iot("viewer", "ping", DEVICE)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^pi-1 {2}\d+ ms {2}agent \S+, up .*; it permits logs\n$/) as unknown,
  });
  const answeredMs = performance.now() - askedAt;
  const startedAt = performance.now();
  expect(await iot("viewer", "ping", "pi-9")).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining("pi-9 is not connected") as unknown,
  });
  // Most of either is the start of the program; a time-out would be 10 s more.
  expect(performance.now() - startedAt).toBeLessThan(answeredMs + 5_000);
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
  // On the only device that has it, unless one is named.
  expect(await iot("support", "logs", "hello")).toMatchObject({ exitCode: 0, stdout: "serving version 1 on port 8080\n", stderr: "" });
  expect(await iot("support", "logs", "helo")).toMatchObject({
    exitCode: 1,
    stderr: 'iot: no device says that it has a deployment "helo": iot status shows all\n',
  });
  expect(await iot("viewer", "logs", "hello", DEVICE)).toMatchObject({
    exitCode: 4,
    stdout: "",
    stderr: expect.stringContaining("NATS does not permit it") as unknown,
  });
});

test("a log is followed over a restart of the agent, without a gap and without a line twice, and ^C says good-bye", async () => {
  const follow = goOn("support", "logs", "hello", DEVICE, "-f", "--tail", "0");
  await eventually(() => agent.journal().then((text) => /a person asks.*follow[^,]*true/.test(text)), { what: "the log is open" });
  await write(1, 50);
  await eventually(() => follow.stdout() === lines(1, 50), { what: "the first lines are there" });
  const restarted = agent.systemctl("restart", "iot-agent");
  await write(51, 100);
  await restarted;
  await write(101, 150);
  await eventually(() => follow.stdout().includes("line 150\n"), { what: "the last lines are there", timeoutMs: 30_000 });
  expect(follow.stdout()).toBe(lines(1, 150));
  follow.child.kill("SIGINT");
  expect(await once(follow.child, "close")).toEqual([130, null]);
  await eventually(() => agent.journal().then((text) => /a person's session is over.*closed/.test(text)), {
    what: "the device has closed it",
  });
});

test("no command is run where the device does not permit it, nor for a role that may not", async () => {
  expect(await iot("maintainer", "exec", "hello", DEVICE, "--", "true")).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining("[remote] exec = true would open it") as unknown,
  });
  expect(await iot("support", "exec", "hello", DEVICE, "--", "true")).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining("NATS does not permit it") as unknown,
  });
});

test("a command's output, input and exit code are the person's", async () => {
  await agent.writeConfig(config("[remote]\nexec = true\n"));
  await agent.systemctl("restart", "iot-agent");
  await eventually(async () => (await iot("viewer", "ping", DEVICE)).stdout.includes("exec"), { what: "the device permits it" });
  const sh = (script: string): Promise<RunResult> => iot("maintainer", "exec", "hello/hello", DEVICE, "--", "/bin/sh", "-c", script);
  expect(await sh("echo out; echo err >&2; exit 7")).toMatchObject({ exitCode: 7, stdout: "out\n", stderr: "err\n" });
  expect(await iot("maintainer", "exec", "hello", DEVICE, "--", "/bin/none")).toMatchObject({
    exitCode: 127,
    stderr: expect.stringContaining("not found") as unknown,
  });
  const large = await run(
    ["/bin/sh", "-c", `head -c 1000000 /dev/zero | ${process.execPath} ${IOT} exec -i hello ${DEVICE} -- /bin/sh -c 'busybox wc -c'`],
    { env: environment("maintainer") },
  );
  expect(large.stdout.trim()).toBe("1000000");
  const much = await sh("busybox head -c 1000000 /dev/zero");
  expect(much).toMatchObject({ exitCode: 0, stderr: "" });
  expect(much.stdout).toHaveLength(1_000_000);
});

test("a command has the person's terminal, with its size, and what is typed there", async () => {
  const typed = `stty size; sleep 0.3; exit 3\n`;
  const script = `stty rows 33 cols 99; exec ${process.execPath} ${IOT} exec -it hello ${DEVICE} -- /bin/sh -i`;
  const terminal = spawn("script", ["--quiet", "--return", "--command", `sh -c '${script}'`, "/dev/null"], {
    env: { ...process.env, ...environment("maintainer") },
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void terminal.kill("SIGKILL"));
  let text = "";
  terminal.stdout.on("data", (data: Buffer) => void (text += String(data)));
  await eventually(() => /[#$] /.test(text), { what: "there is a prompt" });
  terminal.stdin.write(typed);
  expect(await once(terminal, "close")).toEqual([3, null]);
  expect(text).toMatch(/^33 99\r$/m);
});

test("a shell whose person was killed is not left in its container", async () => {
  const shell = goOn("maintainer", "exec", "-i", "hello", DEVICE, "--", "/bin/sh", "-c", "echo here; exec busybox sleep 54321");
  await eventually(() => shell.stdout().includes("here"), { what: "it runs" });
  const processes = async (): Promise<string> =>
    (await device.exec(["podman", "exec", "hello_hello", "busybox", "ps"], { user: "iot-agent" })).stdout;
  expect(await processes()).toContain("54321");
  shell.child.kill("SIGINT");
  await once(shell.child, "close");
  await eventually(async () => !(await processes()).includes("54321"), { what: "it is gone" });
});

test("ssh reaches the device's own sshd through NATS, with its keys, its exit codes and its host key", async () => {
  const folder = await makeTempFolder("ssh");
  onTestFinished(() => folder.remove());
  const key = join(folder.path, "key");
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]);
  await device.copyIn(`${key}.pub`, "/root/.ssh/authorized_keys");
  await device.exec([
    "sh",
    "-c",
    "chown -R root:root /root/.ssh; chmod 700 /root /root/.ssh; chmod 600 /root/.ssh/authorized_keys; mkdir -p /run/sshd; ssh-keygen -A; /usr/sbin/sshd",
  ]);
  const hosts = `UserKnownHostsFile=${join(folder.path, "hosts")}`;
  const ssh = (...command: string[]): Promise<RunResult> =>
    iot(
      "maintainer",
      "ssh",
      `root@${DEVICE}`,
      "--",
      "-i",
      key,
      "-o",
      "StrictHostKeyChecking=accept-new",
      "-o",
      "HashKnownHosts=no",
      "-o",
      hosts,
      ...command,
    );
  expect(await ssh("true")).toMatchObject({ stderr: expect.stringContaining("closes all ports") as unknown });
  await agent.writeConfig(config("[remote]\nexec = true\nforward = [22]\n"));
  await agent.systemctl("restart", "iot-agent");
  await eventually(async () => (await iot("viewer", "ping", DEVICE)).stdout.includes("forward 22"), { what: "the device permits it" });
  expect(await ssh("cat /proc/sys/kernel/hostname; exit 7")).toMatchObject({
    stderr: expect.stringContaining("Warning: Permanently added") as unknown,
    exitCode: 7,
    stdout: `${DEVICE}\n`,
  });
  expect(await readFile(join(folder.path, "hosts"), "utf8")).toMatch(/^pi-1 ssh-/);
  const large = await ssh("head -c 1000000 /dev/zero");
  expect(large.stdout).toHaveLength(1_000_000);
  const { stdout } = await iot("maintainer", "audit", DEVICE);
  expect(stdout).toMatch(/ open {2}alice-maintainer .* forward 22\n/);
});

test("a person holds a deployment, gives it back, and has it tried again", async () => {
  expect(await iot("maintainer", "hold", "hello", DEVICE, "--for", "1h", "--reason", "its port")).toMatchObject({ exitCode: 0 });
  await central.untilStatus("it is held", ({ deployments }) => deployments["hello"]?.phase === "Held");
  expect(await iot("maintainer", "release", "hello", DEVICE)).toMatchObject({
    exitCode: 0,
    stdout: "hello is released on pi-1 and is started again\n",
  });
  expect(await iot("maintainer", "retry", "hello", DEVICE)).toMatchObject({ exitCode: 0 });
  expect(await iot("maintainer", "retry", "none", DEVICE)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("its deployments are hello") as unknown,
  });
  await central.untilStatus("it runs", ({ deployments }) => deployments["hello"]?.phase === "Running");
  expect(await iot("maintainer", "switch", "hello", DEVICE)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('"hello" waits for no container that is at work') as unknown,
  });
});

test("a person has it ask again for what it gets from afar", async () => {
  expect(await iot("maintainer", "device", "refresh", DEVICE)).toMatchObject({
    exitCode: 0,
    stdout: "pi-1: no secret is another than before\n",
  });
  expect(await iot("support", "device", "refresh", DEVICE)).toMatchObject({ exitCode: 4, stdout: "" });
});

test("doctor looks from afar as it does at the device", async () => {
  const { exitCode, stdout, stderr } = await iot("viewer", "doctor", DEVICE);
  expect({ isAnswered: exitCode === 0 || exitCode === 1, stderr }).toEqual({ isAnswered: true, stderr: "" });
  expect(stdout).toMatch(/^good +Podman/m);
});
