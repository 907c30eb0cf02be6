// The demo as an ordinary user has it, with the user's own rootless Podman as the device. The
// user's machine is a simulated device: Debian with systemd and Podman, no root, nothing to
// install, and a container and an image of the user's own that nobody may touch.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { type Device, eventually, loadImage, makeImage, natsServerProgram, run, startDevice } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

const REPOSITORY = join(import.meta.dirname, "../..");
const THERE = "/home/iot-agent/harmony-iot";
const OWN_IMAGE = "localhost/mine:1";

const stack = new AsyncDisposableStack();
let device: Device;
let processesBefore: readonly string[];

beforeAll(async () => {
  device = stack.use(await startDevice({ name: "desktop" }));
  await bringRepository();
  await loadImage(device.podmanSocket, await makeImage({ reference: OWN_IMAGE }));
  await asUser(["podman", "run", "--detach", "--quiet", "--name", "mine", OWN_IMAGE]);
  processesBefore = await processes();
});

afterAll(() => stack.disposeAsync());

test("it is the device without being asked for, and has nothing of the demo afterwards", async () => {
  const { stdout, exitCode } = await device.exec([`${THERE}/iot/scripts/demo.sh`], { user: "iot-agent", allowExitCodes: [0, 1, 2] });

  expect(stdout).toMatch(/ok +a device .* your own rootless Podman/);
  expect(stdout).toMatch(/^PASS /m);
  expect(exitCode).toBe(0);
  await expectOnlyItsOwn();
});

test("interrupted half-way it leaves nothing behind either", async () => {
  // The demo gets a session of its own, as from a terminal.
  const argv = device.execArgv(["setsid", "--wait", `${THERE}/iot/scripts/demo.sh`, "--device", "own"], "iot-agent");
  const child = spawn(argv[0] ?? "", argv.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  await eventually(() => Promise.resolve(stdout.includes("push a workload")), { what: "a workload is pushed", timeoutMs: 60_000 });
  // The signal goes to the demo and to everything that it has started, as Ctrl-C does.
  await asUser(["sh", "-c", 'kill -INT "-$(pgrep --oldest --full e2e/demo/main.ts)"']);
  expect(await ended).toBe(1);
  expect(stdout).toMatch(/FAIL .*interrupted \(SIGINT\)/);
  await expectOnlyItsOwn();
});

async function expectOnlyItsOwn(): Promise<void> {
  expect(await asUser(["podman", "ps", "--all", "--format", "{{.Names}} {{.State}}"])).toEqual(["mine running"]);
  expect(await asUser(["podman", "images", "--format", "{{.Repository}}:{{.Tag}}"])).toEqual([OWN_IMAGE]);
  expect(await asUser(["podman", "network", "ls", "--format", "{{.Name}}"])).toEqual(["podman"]);
  expect(await asUser(["find", "/tmp", "-maxdepth", "1", "-name", "harmony-*"])).toEqual([]);
  expect((await processes()).filter((each) => !processesBefore.includes(each))).toEqual([]);
}

/** The processes of its own session, of its container, and of Podman itself. */
async function processes(): Promise<string[]> {
  return (await asUser(["ps", "--user", "iot-agent", "--format", "pid=,comm="])).filter((line) => !line.endsWith(" ps"));
}

async function asUser(argv: readonly string[]): Promise<string[]> {
  return (await device.exec(argv, { user: "iot-agent" })).stdout.split("\n").filter(Boolean);
}

/**
 * Copies the checkout as it is here, with its installed packages: there is no registry to install
 * them from.
 */
async function bringRepository(): Promise<void> {
  const copy = 'mkdir -p "$1" && tar -C "$0" --exclude=./.git -cf - . | tar -C "$1" -xf -';
  await run(["/bin/sh", "-c", copy, REPOSITORY, device.pathOnHost(THERE)]);
  await device.copyIn(await natsServerProgram(), "/usr/bin/nats-server");
}
