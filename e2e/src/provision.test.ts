// Runs only the commands of the documents on a blank device: `iot provision`, install.sh, and a git
// push. Then a container answers, and neither command finds anything left to do.

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type BlankDevice,
  eventually,
  loadImage,
  makeGitRepository,
  makeImage,
  run,
  type RunResult,
  startBlankDevice,
  startNats,
  startOperatorProcess,
} from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deploymentYaml } from "../world/workload.ts";

const TOP = join(import.meta.dirname, "../..");
const DEVICE_ID = "pi-demo-01";
const IMAGE = "localhost/hello:1";
const PASSWORD = "dev-password";
const WAIT_MS = 60_000;

const stack = new AsyncDisposableStack();
let device: BlankDevice;
let natsUrl: string;

beforeAll(async () => {
  device = stack.use(await startBlankDevice());
});
afterAll(() => stack.disposeAsync());

test("from the shop to a running container", async () => {
  const planned = await provision("--dry-run");
  expect(planned.stdout).toMatch(/^ +2\. install the packages podman, /m);
  expect(planned.exitCode).toBe(0);
  expect((await device.exec(["getent", "passwd", "iot-agent"], { allowExitCodes: [2] })).exitCode).toBe(2);

  const first = await provision();
  expect(first.stderr).toBe("");
  expect(first.stdout).toMatch(/^create the user iot-agent in the groups dialout, video … done, \d+\.\d s$/m);
  expect(first.stdout).toMatch(/^done: the host is as its Score says$/m);
  expect(first.exitCode).toBe(0);
  expect((await provision()).stdout).toMatch(/^nothing to do$/m);

  const { stdout: architecture } = await device.exec(["uname", "-m"]);
  expect(await answersOfTheManual()).toEqual([
    expect.stringMatching(/^podman version (4\.([4-9]|\d\d)|[5-9])\./),
    "active",
    "Linger=yes",
    architecture.trim(),
  ]);

  const nats = stack.use(
    await startNats({ host: device.hostAddress, config: `authorization { user: "iot-agent", password: "${PASSWORD}" }` }),
  );
  natsUrl = nats.url;
  expect((await run(installCommand(), { timeoutMs: 300_000 })).stdout).toContain("is connected to NATS");

  const repository = stack.use(await makeGitRepository());
  await loadImage(device.podmanSocket, await makeImage({ reference: IMAGE, port: 80 }));
  await repository.commit({ "deployment.yaml": deploymentYaml({ device: DEVICE_ID, image: IMAGE, port: 8080 }) });
  await repository.push();
  const operator = await startOperatorProcess({
    NATS_URL: nats.url,
    NATS_USER: "iot-agent",
    NATS_PASSWORD: PASSWORD,
    IOT_GIT_URL: repository.url,
    IOT_SOURCE_ID: "git:provision",
  });
  stack.defer(() => operator.stop());
  await eventually(async () => (await fetch(`http://${device.address}:8080/`, { signal: AbortSignal.timeout(2_000) })).ok, {
    what: "the page of the deployment",
    timeoutMs: WAIT_MS,
  });
  expect(await asAgent("podman", "ps", "--format", "{{.Names}}")).toBe("hello-world_hello");
  // Provisioning has set these options; without them no container would start without its cable.
  expect(await asAgent("pgrep", "--list-full", "pasta")).toContain(" -a 10.0.2.0 -n 24 -g 10.0.2.2");
});

test("installed again, with a sudo that asks for a password: asked once, the same configuration, and no container notices", async () => {
  const asItIs = async (): Promise<readonly string[]> => [
    await asAgent("podman", "ps", "--format", "{{.Names}} {{.StartedAt}}"),
    await asAgent("stat", "--format", "%y %a %U:%G", "/etc/iot-agent/config.toml"),
    await asAgent("ls", "/etc/iot-agent"),
  ];
  const before = await asItIs();
  const sudoers = "/etc/sudoers.d/010_pi-nopasswd";
  await device.exec(["chpasswd"], { stdin: `${device.user}:for-sudo\n` });
  await device.exec(["sed", "-i", "s/NOPASSWD: //", sudoers]);
  const { output, exitCode } = await inTerminal(installCommand(), { prompt: `password for ${device.user}:`, answer: "for-sudo" });
  await device.exec(["sed", "-i", "s/ALL$/NOPASSWD: ALL/", sudoers]);
  expect(output).toContain("is connected to NATS");
  expect(output.split("password for")).toHaveLength(2);
  expect(exitCode).toBe(0);
  expect(await asItIs()).toEqual(before);
});

test("installing has left nothing for provisioning to repair", async () => {
  const again = await provision();
  expect(again.stdout).toMatch(/^nothing to do$/m);
  expect(again.exitCode).toBe(0);
});

function flags(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Provisions as the manual says, with what the test's own network adds. */
function provision(...args: readonly string[]): Promise<RunResult> {
  const { address: host, user, identityFile: identity, knownHostsFile } = device;
  const access = flags({ host, user, identity, "known-hosts": knownHostsFile, "device-id": DEVICE_ID, "ssh-key": `${identity}.pub` });
  const argv = [process.execPath, join(TOP, "iot/iot-cli/src/main.ts"), "provision", ...access];
  return run([...argv, ...args], {
    allowExitCodes: [0, 1],
    timeoutMs: 300_000,
  });
}

function installCommand(): readonly string[] {
  return [
    join(TOP, "iot/iot-agent/scripts/install.sh"),
    ...flags({ host: device.address, "device-id": DEVICE_ID, "ssh-user": device.user }),
    ...flags({ "nats-url": natsUrl, "nats-user": "iot-agent", "nats-pass": PASSWORD }),
    ...flags({ identity: device.identityFile, "known-hosts": device.knownHostsFile }),
  ];
}

interface InTerminal {
  readonly output: string;
  readonly exitCode: number | null;
}

/** Runs it in a terminal, like a person who types the answer whenever the prompt is there. */
function inTerminal(argv: readonly string[], { prompt, answer }: { prompt: string; answer: string }): Promise<InTerminal> {
  const { promise, resolve, reject } = Promise.withResolvers<InTerminal>();
  const child = spawn("script", ["--quiet", "--return", "--command", argv.join(" "), "/dev/null"], { timeout: 200_000 });
  let output = "";
  let answered = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    for (const prompts = output.split(prompt).length - 1; answered < prompts; answered += 1) child.stdin.write(`${answer}\n`);
  });
  child.on("error", reject);
  child.on("close", (exitCode) => resolve({ output, exitCode }));
  return promise;
}

/** The device's answers to the commands of the manual's "Verify". */
async function answersOfTheManual(): Promise<readonly string[]> {
  const manual = await readFile(join(TOP, "docs/iot/pi-provisioning-manual.md"), "utf8");
  const commands = /^## Verify\n.*?^```sh\n(.*?)^```$/ms.exec(manual)?.[1] ?? "";
  const { identityFile, knownHostsFile } = device;
  const ssh = `ssh() { command ssh -i ${identityFile} -o UserKnownHostsFile=${knownHostsFile} -o BatchMode=yes "$@"; }`;
  const { stdout } = await run(["bash", "-e", "-c", `${ssh}\n${commands.replaceAll("<pi-ip>", device.address)}`]);
  return stdout.trim().split("\n");
}

async function asAgent(...argv: readonly string[]): Promise<string> {
  return (await device.exec(argv, { user: "iot-agent" })).stdout.trim();
}
