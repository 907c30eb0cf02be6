// Faults around an agent, over a real NATS and the file variant: NATS gone, restarted, wiped, put
// back to an older copy; the agent killed and started again; its disk and its configuration not as
// they should be.

import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Manifest } from "@iot/contracts";
import { eventually, type NatsServer, run, type ServerProcess, startNats, startServerProcess } from "@iot/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Central } from "./central.ts";
import { type FileDevice, fileScore, makeFileDevice } from "./file-agent.ts";

const MAIN = join(import.meta.dirname, "../src/main.ts");
const FILE_AGENT = fileURLToPath(import.meta.resolve("./file-agent-main.ts"));

let nats: NatsServer;
let central: Central;
let device: FileDevice;

beforeEach(async () => {
  [nats, device] = await Promise.all([startNats(), makeFileDevice()]);
  central = await Central.connect(nats.url);
});
afterEach(async () => {
  await device[Symbol.asyncDispose]();
  await central.close();
  await nats.stop();
});

const expectContent = (name: string, content: string | null): Promise<true> =>
  eventually(
    async () => {
      const found = await device.content(name);
      return found === content || Promise.reject(new Error(`${name} holds ${found}`));
    },
    { what: `${name} holds ${content}`, timeoutMs: 30_000 },
  );
const expectPhase = (name: string, wanted: string) =>
  central.untilStatus(`${name} is ${wanted}`, ({ deployments }) => deployments[name]?.phase === wanted);
const startProcess = (): Promise<ServerProcess> =>
  startServerProcess({
    name: "agent",
    argv: [process.execPath, FILE_AGENT, device.folder, device.stateDir, nats.url],
    ready: () => Promise.resolve(true),
  });
const wipeNats = async (): Promise<void> => {
  await central.close();
  await nats.down();
  await rm(nats.storeDir, { recursive: true });
  await nats.start();
  central = await Central.connect(nats.url);
};

test("starts from its disk while NATS is out of reach, and follows when it is back", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectPhase("hello", "Running");
  await device.stop();
  await nats.down();
  await rm(join(device.folder, "hello.FileV0"));
  device.start(nats.url);
  await expectContent("hello", "one");
  await eventually(() => device.lines.some((line) => line.includes("cannot connect to NATS")));
  await nats.start();
  await eventually(() => central.apply({ hello: fileScore("two") }), { timeoutMs: 20_000 });
  await expectContent("hello", "two");
  await expectPhase("hello", "Running");
});

test("follows what was changed while NATS was gone, and sends its status anew", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one"), gone: fileScore("gone") });
  await expectPhase("gone", "Running");
  await nats.kill();
  await nats.start();
  await eventually(() => central.apply({ hello: fileScore("two") }), { timeoutMs: 20_000 });
  await expectContent("hello", "two");
  await expectContent("gone", null);
  await central.untilStatus("the status follows", ({ deployments }) => Object.keys(deployments).join() === "hello");
});

test("a wiped bucket removes nothing; the first operator back removes only its own", async () => {
  device.start(nats.url);
  const wanted = {
    a: { scoreString: fileScore("a"), source: "cluster" },
    b: { scoreString: fileScore("b"), source: "git" },
    c: { scoreString: fileScore("c"), source: "git" },
  };
  await central.apply(wanted, ["cluster", "git"]);
  for (const name of ["a", "b", "c"]) await expectContent(name, name);
  await wipeNats();
  await central.untilStatus("it says that there is no manifest", ({ problem }) => problem?.reason === "NoManifest");
  expect(await device.files()).toHaveLength(3);

  await central.apply({ b: { scoreString: fileScore("b2"), source: "git" } }, ["git"]);
  await expectContent("b", "b2");
  await expectContent("c", null);
  expect(await device.content("a")).toBe("a");
  expect((await expectPhase("a", "Running")).problem).toBeUndefined();
});

test("a wiped or an older store empties no device and brings nothing back, where the manifest says what is to go", async () => {
  const say = (names: readonly string[], removed: Manifest["removed"] = {}) =>
    central.apply(Object.fromEntries(names.map((name) => [name, fileScore(name)])), ["test"], removed);
  const reason = (name: string, wanted: string) =>
    central.untilStatus(`${name} is ${wanted}`, ({ deployments }) => deployments[name]?.reason === wanted);
  device.start(nats.url);
  await say(["a", "gone"]);
  await expectContent("gone", "gone");
  await nats.down();
  const copy = `${nats.storeDir}-copy`;
  await cp(nats.storeDir, copy, { recursive: true });
  await nats.start();
  await eventually(() => say(["a", "later"], { gone: { uid: "uid-gone", at: "2026-01-01T00:00:00Z", why: "deleted in git" } }), {
    timeoutMs: 20_000,
  });
  await expectContent("gone", null);
  await expectContent("later", "later");

  await central.close();
  await nats.down();
  await rm(nats.storeDir, { recursive: true });
  await cp(copy, nats.storeDir, { recursive: true });
  await rm(copy, { recursive: true });
  await nats.start();
  central = await Central.connect(nats.url);
  // The operator that finds the older copy does this: it serves what stands there.
  await say(["a", "gone", "more"]);
  await expectContent("more", "more");
  await reason("gone", "RemovedBefore");
  await reason("later", "NotNamed");
  expect(await device.files()).toEqual(["a.FileV0", "later.FileV0", "more.FileV0"]);

  await wipeNats();
  await say(["more"]);
  await reason("a", "NotNamed");
  await reason("more", "Running");
  expect(await device.files()).toEqual(["a.FileV0", "later.FileV0", "more.FileV0"]);
});

test("a store put back to an older copy does not bring an older version back; what is written then is followed, though revisions repeat", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectPhase("hello", "Running");
  await nats.down();
  const copy = `${nats.storeDir}-copy`;
  await cp(nats.storeDir, copy, { recursive: true });
  await nats.start();
  const { hello: second } = await eventually(() => central.apply({ hello: fileScore("two") }), { timeoutMs: 20_000 });
  await expectContent("hello", "two");

  await central.close();
  await nats.down();
  await rm(nats.storeDir, { recursive: true });
  await cp(copy, nats.storeDir, { recursive: true });
  await rm(copy, { recursive: true });
  await nats.start();
  central = await Central.connect(nats.url);
  await central.untilStatus("the older manifest is reported", ({ problem }) => problem?.reason === "StaleManifest");
  expect(await device.content("hello")).toBe("two");

  const { hello: repeated } = await central.apply({ hello: fileScore("three") });
  expect(repeated).toBe(second);
  await expectContent("hello", "three");
  await central.untilStatus(
    "all is well",
    ({ problem, deployments }) => problem === undefined && deployments["hello"]?.phase === "Running",
  );
});

test("killed at any moment, it ends where it should after the next start", async () => {
  for (let round = 0; round < 6; round++) {
    const agent = await startProcess();
    const wanted = { kept: fileScore(`kept ${round}`), ...(round % 2 === 0 ? { sometimes: fileScore("there") } : {}) };
    await central.apply(wanted);
    // Each round goes a little further. The log shows only the first moment of the work under way,
    // which may be the wait for its Score.
    const marks = [/connected to NATS/, /received desired state/, /"phase":"(Pending|Starting)"/, /"phase":"Running"/];
    const mark = marks[round % marks.length] ?? /never/;
    const said = (): Promise<true> => (mark.test(agent.log()) ? Promise.resolve(true) : Promise.reject(new Error(agent.log())));
    await eventually(said, { what: `round ${round}: ${mark}`, timeoutMs: 30_000 });
    await agent.kill();
  }
  const agent = await startProcess();
  await expectContent("kept", "kept 5");
  await expectContent("sometimes", null);
  await expectPhase("kept", "Running");
  await agent.stop();
});

test("a removal that was cut short goes on after a restart without NATS", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectPhase("hello", "Running");
  await device.stop();
  await nats.down();
  const file = join(device.stateDir, "desired-state.json");
  await writeFile(file, (await readFile(file, "utf8")).replace('"removing":false', '"removing":true'));
  device.start(nats.url);
  await expectContent("hello", null);
});

test("a state file that is corrupt is kept aside, and NATS sends it again", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectPhase("hello", "Running");
  await device.stop();
  const file = join(device.stateDir, "desired-state.json");
  await writeFile(file, (await readFile(file, "utf8")).slice(0, 100));
  device.start(nats.url);
  await eventually(async () => (await readdir(device.stateDir)).includes("desired-state.json.corrupt"));
  await eventually(async () => (await readdir(device.stateDir)).includes("desired-state.json"));
  await expectPhase("hello", "Running");
  expect(await device.content("hello")).toBe("one");
});

test("a Topology that is gone is reported, and recovered from", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectPhase("hello", "Running");
  await run(["mv", device.folder, `${device.folder}-away`]);
  const status = await central.untilStatus("it is reported", ({ problem }) => problem?.reason === "TopologyUnavailable");
  expect(status.problem?.message).toContain("nothing is changed");
  await expectPhase("hello", "Blocked");
  await run(["mv", `${device.folder}-away`, device.folder]);
  await central.untilStatus(
    "all is well",
    ({ problem, deployments }) => problem === undefined && deployments["hello"]?.phase === "Running",
  );
});

test("SIGTERM ends it within 5 s, and what runs stays", async () => {
  const agent = await startProcess();
  await central.apply({ hello: fileScore("one"), slow: fileScore("slow", { waitsFor: "/never" }) });
  await expectPhase("slow", "Starting");
  await expectContent("hello", "one");
  const startedAt = performance.now();
  await agent.stop();
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(await device.content("hello")).toBe("one");
});

test("a wrong configuration ends it with 78 and one line that says what to put right", async () => {
  const file = join(device.folder, "config.toml");
  await writeFile(
    file,
    '[agent]\ndevice_id = "Pi 1"\n[credentials]\ntype = "nats-user"\nnats_user = "u"\nnats_pass = 7\n[nats]\nurls = ["nats://n"]\n',
  );
  const { exitCode, stdout, stderr } = await run([process.execPath, MAIN, "--config", file], {
    env: { JOURNAL_STREAM: "1:1" },
    allowExitCodes: [78],
  });
  expect(exitCode).toBe(78);
  expect(stdout).toBe(
    `<3>${file}: agent.device_id: expected a DNS label (at most 63 of a-z, 0-9 and -, first and last a letter or digit), found "Pi 1"; credentials.nats_pass: expected text\n`,
  );
  expect(stderr).toBe("");
});

test("prints its version and how it is used", async () => {
  const { stdout: version } = await run([process.execPath, MAIN, "--version"]);
  expect(version).toMatch(/^iot-agent \d+\.\d+\.\d+\n$/);
  expect((await run([process.execPath, MAIN, "--help"])).stdout).toContain("--config FILE");
  expect((await run([process.execPath, MAIN, "--conf"], { allowExitCodes: [2] })).stderr).toContain('there is no option "--conf"');
});
