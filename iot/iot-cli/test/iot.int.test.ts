// `iot` as it is typed, as a process of its own, against a real nats-server that holds what the
// operator's store and a device's status writer put there.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, type DeploymentReport, type DeviceStatus, type ManifestEntry } from "@iot/contracts";
import {
  type Asked,
  connectMessaging,
  fixedCredentials,
  type Messaging,
  openDesiredState,
  openSourceRecords,
  openStatusStore,
  openStatusWriter,
  serveOperatorRequests,
} from "@iot/messaging";
import { eventually, freePort, type NatsServer, run, type RunResult, startNats } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { COMMANDS } from "../src/commands.ts";

const MAIN = join(import.meta.dirname, "../src/main.ts");
const log = createLog({ name: "test", write: () => undefined });
const signal = new AbortController().signal;

function iot(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  return run([process.execPath, MAIN, ...args], {
    env: { NATS_URL: "", NATS_USER: "", NATS_PASSWORD: "", ...env },
    allowExitCodes: [0, 1, 2, 3, 4],
  });
}

describe("with a fleet", () => {
  let nats: NatsServer;
  let messaging: Messaging;
  let atNats: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    nats = await startNats({ config: 'authorization { user: "fleet", password: "secret" }' });
    atNats = { NATS_URL: nats.url, NATS_USER: "fleet", NATS_PASSWORD: "secret" };
    messaging = await connectMessaging({
      servers: [nats.url],
      credentials: fixedCredentials({ user: "fleet", pass: "secret" }),
      name: "test",
      log,
      signal,
    });
    const store = await openDesiredState(messaging, { log });
    await openStatusStore(messaging, { log });
    const deployment = asDeploymentName("hello-world");
    for (const device of [asDeviceId("pi-1"), asDeviceId("pi-2"), asDeviceId("pi-3")]) {
      const written = await store.putScore({ device, deployment, scoreString: '{"type":"PodmanV0","data":{}}', expectedRevision: 0 });
      if (!written.ok) throw new Error("conflict");
      const entry: ManifestEntry = {
        revision: written.revision,
        generation: 1,
        uid: "u",
        source: "git:demo",
        namespace: "default",
        commit: "f00d",
      };
      await store.putManifest({ device, manifest: { sources: ["git:demo"], deployments: { [deployment]: entry } }, expectedRevision: 0 });
      if (device === "pi-3") continue;
      await openStatusWriter(messaging, device).putStatus(
        {
          device,
          agentVersion: "0.1.0",
          bootId: "b",
          reportedAt: new Date().toISOString(),
          manifestRevision: written.revision + 1,
          deployments: { [deployment]: device === "pi-1" ? running(written.revision) : missing(written.revision) },
        },
        signal,
      );
    }
    await store.close();
  });
  afterAll(async () => {
    await messaging.close();
    await nats.stop();
  });

  test("status shows each, what is wrong first", async () => {
    const { exitCode, stdout, stderr } = await iot(["status"], atNats);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const lines = stdout.split("\n").filter((line) => line.startsWith("hello-world"));
    expect(lines.map((line) => line.split(/ {2,}/).slice(0, 3).join(" "))).toEqual([
      "hello-world pi-2 Failed",
      "hello-world pi-3 Pending",
      "hello-world pi-1 Running",
    ]);
    expect(stdout).toContain("  image registry.example/nope:1 is not there: put the tag right");
    expect(stdout).toContain("1 of 3 run as desired, 2 with a problem, 3 devices, 1 never seen.");
  });

  test("status --json has the same for programs", async () => {
    const { stdout } = await iot(["status", "--json", "--nats", nats.url], { NATS_USER: "fleet", NATS_PASSWORD: "secret" });
    expect(JSON.parse(stdout)).toMatchObject({
      devices: [
        { device: "pi-1", offline: false, agentVersion: "0.1.0", problem: null },
        { device: "pi-2", offline: false },
        { device: "pi-3", offline: false, lastSeenAt: null, lastSeenSeconds: null },
      ],
      deployments: [
        { deployment: "hello-world", device: "pi-2", standing: "problem", phase: "Failed", reason: "ImageNotFound", commit: "f00d" },
        { device: "pi-3", standing: "problem", phase: "Pending", reason: "NeverReported", sinceSeconds: null },
        { device: "pi-1", standing: "ok", phase: "Running", source: "git:demo", namespace: "default" },
      ],
    });
  });

  test("explain says why in the device's words, and the facts", async () => {
    const { exitCode, stdout } = await iot(["explain", "hello-world", "pi-2"], atNats);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^hello-world on pi-2 is Failed since .* UTC \(\d+ s\): image registry\.example\/nope:1 is\s+not\s+there: put the\s+tag\s+right\n/,
    );
    expect(stdout).toMatch(/\n {2}commit +f00d\n {2}source +git:demo, namespace default\n/);
    const asJson = await iot(["explain", "hello-world", "pi-2", "--json"], atNats);
    expect(JSON.parse(asJson.stdout)).toMatchObject([
      { deployment: "hello-world", reason: "ImageNotFound", device: { device: "pi-2", offline: false }, sources: [] },
    ]);
    const all = await iot(["explain", "hello-world"], atNats);
    expect(all.stdout.match(/^hello-world on pi-\d/gm)).toEqual(["hello-world on pi-2", "hello-world on pi-3", "hello-world on pi-1"]);
  });

  test("status shows what is asked for alone", async () => {
    const rows = async (...args: readonly string[]): Promise<string[]> =>
      (await iot(["status", ...args], atNats)).stdout.split("\n").filter((line) => line.startsWith("hello-world"));
    expect(await rows("--device", "pi-1")).toHaveLength(1);
    expect(await rows("--problem", "--deployment", "hello*")).toHaveLength(2);
    expect(await rows("-o", "wide")).toHaveLength(3);
    expect(await iot(["status", "--device", "pi-12"], atNats)).toMatchObject({
      exitCode: 1,
      stderr: 'iot: there is no device "pi-12", and there is pi-1: iot status shows all\n',
    });
  });

  test.each([
    [["explain", "hello"], 'iot: no device has a deployment "hello": the deployments are hello-world\n'],
    [["explain", "hello-world", "pi-9"], 'iot: "hello-world" is not on device "pi-9": the devices that have it are pi-1, pi-2, pi-3\n'],
  ])("%j reads what there is", async (args, says) => {
    expect(await iot(args, atNats)).toEqual({ exitCode: 1, stdout: "", stderr: says });
  });

  test("a wrong password is one sentence", async () => {
    const { exitCode, stdout, stderr } = await iot(["status"], { ...atNats, NATS_PASSWORD: "wrong" });
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: "" });
    expect(stderr).toMatch(/^iot: cannot connect to NATS at [^ ]+: the server refuses the user "fleet" or its password; .*\n$/);
  });
});

describe("with a device that says what nobody can bear, in a bucket that took it", () => {
  const services = `{"services":[${"{},".repeat(84_999)}{}]}`;
  const rude = "\u001b[2Jall well\r\u202e\u009b31m";
  test.each([
    ["85,000 empty services", services, "has 250 KiB, more than the 64 KiB that are read"],
    ["a depth of 100,000", "[".repeat(100_000) + "]".repeat(100_000), "has 196 KiB, more than the 64 KiB that are read"],
    [
      "words for a terminal",
      JSON.stringify({ ...status("pi-bad", running(1)), agentVersion: [rude] }),
      "agentVersion: expected text, found",
    ],
    [
      "a problem in words for a terminal",
      JSON.stringify({ ...status("pi-bad", running(1)), problem: { reason: rude, message: rude, since: "" } }),
      "pi-bad: all well",
    ],
  ])("%s: a row for it, and the others as they are", async (_what, bad, says) => {
    await using nats = await startNats();
    const messaging = await connectMessaging({ servers: [nats.url], name: "test", log, signal });
    const store = await openDesiredState(messaging, { log });
    await openStatusStore(messaging, { log });
    await withoutLimit(messaging);
    for (const device of [asDeviceId("pi-1"), asDeviceId("pi-bad")]) {
      const entry: ManifestEntry = { revision: 1, generation: 1, uid: "u", source: "git:demo", namespace: "default" };
      await store.putManifest({ device, manifest: { sources: ["git:demo"], deployments: { constructor: entry } }, expectedRevision: 0 });
    }
    await openStatusWriter(messaging, asDeviceId("pi-1")).putStatus(status("pi-1", running(1)), signal);
    await messaging.connection.request("$KV.status.pi-bad", bad, { timeout: 5_000 });
    const { exitCode, stdout, stderr } = await iot(["status"], { NATS_URL: nats.url });
    await store.close();
    await messaging.close();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(says);
    expect(stdout).toMatch(/^constructor +pi-bad /m);
    expect(stdout).toMatch(/^constructor +pi-1 +Running /m);
    expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  });

  /** A bucket that somebody made by hand. */
  async function withoutLimit({ connection }: Messaging): Promise<void> {
    const { config } = (await connection.request("$JS.API.STREAM.INFO.KV_status")).json<{ config: object }>();
    await connection.request("$JS.API.STREAM.UPDATE.KV_status", JSON.stringify({ ...config, max_msg_size: -1 }));
  }
});

test("a server that is not there is one sentence, at once", async () => {
  const { exitCode, stdout, stderr } = await iot(["status", "--nats", `nats://127.0.0.1:${await freePort()}`]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: "" });
  expect(stderr).toMatch(
    /^iot: cannot connect to NATS at .*: the connection is refused: that machine is there, nothing listens on the port; start nats-server there, or put the port right\n$/,
  );
});

/** `<deployment>[/<service>] <device> -- <command...>`: `x x -- x`. */
function needs(operands: string): string[] {
  const needed = operands.replaceAll(/\[[^\]]*\]/g, "").split(" ");
  return needed.flatMap((word) => (word === "--" ? [word] : word.startsWith("<") ? ["x"] : []));
}

/** Of commands that take no `x`. */
const OPERANDS: Readonly<Record<string, string[]>> = { keep: ["x"], "find commit": ["8f3c2ab"], "port-forward": ["x", "80"] };

test("each command that goes to NATS ends with 3 where there is none", async () => {
  const url = `nats://127.0.0.1:${await freePort()}`;
  const withNats: [string, number | null][] = [];
  for (const { name, operands, load } of COMMANDS) {
    // lint only compares with what has reported, and goes on without; hold needs options of its
    // own; ssh ends as ssh does.
    if (!("nats" in (await load()).options) || ["lint", "hold", "ssh"].includes(name)) continue;
    const needed = OPERANDS[name] ?? needs(operands);
    withNats.push([name, (await iot([...name.split(" "), "--nats", url, ...needed], { NATS_USER: "ana" })).exitCode]);
  }
  expect(withNats.length).toBeGreaterThanOrEqual(7);
  expect(withNats.filter(([, exitCode]) => exitCode !== 3)).toEqual([]);
});

test("a server that no operator has served is left as it is", async () => {
  await using nats = await startNats();
  const { exitCode, stderr } = await iot(["status"], { NATS_URL: nats.url });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^iot: the bucket "desired-state" is not on NATS at .*: no operator has served this server yet; .*\n$/);
  const streams = await fetch(`${nats.monitorUrl}/jsz`);
  expect(await streams.json()).toMatchObject({ streams: 0 });
});

test("convert writes a Deployment on stdout and what is left to do on stderr", async () => {
  const file = join(import.meta.dirname, "compose/telemetry.yaml");
  const { exitCode, stdout, stderr } = await iot(["convert", file, "--device", "pi-7"]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain("targetDevices: [pi-7]");
  expect(stdout).toContain("listener 1883");
  expect(stderr.split("\n")).toContain(
    `${file}: networks: is not taken over: the services of a deployment share one network; put those that must not see each other into deployments of their own`,
  );
  expect(await iot(["convert", join(import.meta.dirname, "none.yaml")])).toMatchObject({ exitCode: 1, stdout: "" });
});

test("what an operator cannot write, for the store is full, it says when it is asked; an earlier one is not waited for", async () => {
  const { nats, messaging } = await sourcesOf("git:now", "git:earlier");
  onTestFinished(() => nats.stop());
  onTestFinished(() => messaging.close());
  const full = "the JetStream store of the NATS server is full: raise max_file_store";
  const answer = ({ request: { source } }: Asked) =>
    Promise.resolve({ source: "git:now", done: source === "git:now", message: source === "git:now" ? full : "" });
  serveOperatorRequests(messaging, answer, { log, signal });
  const { stdout } = await iot(["status", "--nats", nats.url]);
  const lines = stdout.replaceAll(/\n {2,}|\n(?!git)/g, " ");
  expect(lines).toContain(`git:now: ${full}; still at f00df00d`);
  expect(lines).toContain("git:earlier: follows f00df00d");
});

test("status -w shows what has changed, until ^C", async () => {
  const { nats, messaging } = await sourcesOf();
  onTestFinished(() => nats.stop());
  onTestFinished(() => messaging.close());
  const report = (revision: number): Promise<unknown> =>
    openStatusWriter(messaging, asDeviceId("pi-4")).putStatus(status("pi-4", running(revision)), signal);
  await report(1);
  const child = spawn(process.execPath, [MAIN, "status", "-w", "-o", "wide", "--device", "pi-4", "--nats", nats.url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  let shown = "";
  child.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  await eventually(() => / 1 of - /.test(shown), { what: "the first is shown", timeoutMs: 30_000 });
  await report(2);
  await eventually(() => / 2 of - /.test(shown), { what: "the second is shown", timeoutMs: 30_000 });
  child.kill("SIGINT");
  expect(await ended).toEqual([130, null]);
});

async function sourcesOf(...ids: readonly string[]): Promise<{ nats: NatsServer; messaging: Messaging }> {
  const nats = await startNats();
  const messaging = await connectMessaging({ servers: [nats.url], name: "test", log, signal });
  await (await openDesiredState(messaging, { log })).close();
  await openStatusStore(messaging, { log });
  const records = await openSourceRecords(messaging, { log });
  const lastSeen = new Date().toISOString();
  for (const id of ids)
    await records.putState({ id, clusterUid: null, version: "f00df00d", problem: null, readableSince: null, lastSeen }, 0);
  await records.close();
  return { nats, messaging };
}

test("a server that does not answer is named within two seconds; ^C ends the wait with 130", async () => {
  const silent = createServer();
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const address = silent.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const child = spawn(process.execPath, [MAIN, "status", "--nats", `nats://127.0.0.1:${address.port}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const begun = once(silent, "connection").then(() => performance.now());
  const said: unknown[] = await once(child.stderr, "data");
  expect(String(said[0])).toBe(`iot: no answer from NATS at 127.0.0.1:${address.port} yet\n`);
  expect(performance.now() - (await begun)).toBeLessThan(2_000);
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([130, null]);
});

test.each([
  [["stauts"], 'there is no command "stauts". Did you mean status? (iot --help shows how)'],
  [[], "say which command: iot --help names them"],
  [["--jsn"], 'there is no option "--jsn" before a command (iot --help shows how)'],
  [["status", "--jsn"], "Unknown option '--jsn'; usage: iot status [OPTION...] (iot status --help)"],
  [["explain"], "something is missing; usage: iot explain <deployment> [device] [OPTION...] (iot explain --help)"],
  [["audit", "--last", "0"], "--last takes a whole number from 1 to 10000; usage: iot audit [device] [OPTION...] (iot audit --help)"],
])("wrong use is 2, and says how: %j", async (args, says) => {
  expect(await iot(args)).toEqual({ exitCode: 2, stdout: "", stderr: `iot: ${says}\n` });
});

function status(device: string, report: DeploymentReport): DeviceStatus {
  return { device, agentVersion: "0.1.0", reportedAt: report.since, manifestRevision: 1, deployments: { constructor: report } };
}

function running(revision: number): DeploymentReport {
  const common = { since: new Date().toISOString(), desiredRevision: revision, services: [] };
  return { ...common, phase: "Running", reason: "Running", message: "runs", runningRevision: revision };
}

function missing(revision: number): DeploymentReport {
  const message = "image registry.example/nope:1 is not there: put the tag right";
  return { ...running(revision), phase: "Failed", reason: "ImageNotFound", message, runningRevision: null };
}
