// What happened while NATS was away arrives when it is back, once and in order, and a person reads
// it by the command line.

import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureToldStreams, fixedCredentials, readDeviceHistory } from "@iot/messaging";
import { createLog } from "@harmony/runtime";
import { ACCOUNT_PASSWORDS, eventually, natsAccountsConfig, type NatsServer, run, startNats } from "@iot/testkit";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { Central, DEVICE } from "./central.ts";
import { type FileDevice, fileScore, makeFileDevice } from "./file-agent.ts";

const IOT = join(import.meta.dirname, "../../iot-cli/src/main.ts");
const FILE_AGENT = join(import.meta.dirname, "file-agent-main.ts");
const quiet = createLog({ name: "test", write: () => undefined });
const signal = AbortSignal.timeout(100_000);
const credential = { user: DEVICE, pass: `${DEVICE}-secret` };

let nats: NatsServer;
let central: Central;
let device: FileDevice;
beforeEach(async () => {
  nats = await startNats({ config: natsAccountsConfig({ devices: [DEVICE] }) });
  central = await Central.connect(nats.url, DEVICE, fixedCredentials({ user: "operator", pass: ACCOUNT_PASSWORDS.operator }));
  device = await makeFileDevice();
});
afterEach(async () => {
  await device[Symbol.asyncDispose]();
  await central.close();
  await nats.stop();
});

const said = async (): Promise<string[]> => {
  const query = { device: DEVICE, sinceMs: null, most: 1_000 };
  const { told } = await readDeviceHistory(central.messaging, query, signal);
  return told.map(({ event }) => `${event.n} ${event.deployment} ${event.phase ?? "gone"}`);
};
const phaseIs = (name: string, phase: string): Promise<true> =>
  eventually(async () => JSON.stringify(await device.ask("GET", "/status")).includes(`"${name}":{"phase":"${phase}"`), {
    what: `${name} is ${phase}`,
    timeoutMs: 20_000,
  });

test("what happened while NATS was away, and while the agent was restarted, arrives once and in order", async () => {
  device.start(nats.url, DEVICE, { credential });
  await central.apply({ hello: fileScore("one"), other: fileScore("two") });
  await central.untilStatus("both run", ({ deployments }) => ["hello", "other"].every((name) => deployments[name]?.phase === "Running"));
  await eventually(async () => (await said()).filter((line) => line.endsWith("Running")).length === 2, { what: "it is there" });
  const before = await said();
  await nats.down();
  for (const [path, phase] of [
    ["hold", "Held"],
    ["release", "Running"],
    ["hold", "Held"],
  ] as const) {
    await device.ask("POST", `/deployments/hello/${path}`, path === "hold" ? { seconds: 600, reason: "its port" } : undefined);
    await phaseIs("hello", phase);
  }
  await device.stop();
  await nats.start();
  device.start(nats.url, DEVICE, { credential });
  await eventually(async () => (await said()).length >= before.length + 3, { what: "all of it is there", timeoutMs: 20_000 });
  const after = await said();
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.slice(before.length).map((line) => line.replace(/^\d+ /, ""))).toEqual(["hello Held", "hello Running", "hello Held"]);
  expect(after.map((line) => Number.parseInt(line, 10))).toEqual(after.map((_, index) => index + 1));
  const env = { NATS_URL: nats.url, NATS_USER: "alice-viewer", NATS_PASSWORD: ACCOUNT_PASSWORDS.people };
  const shown = await run([process.execPath, IOT, "history", "hello", DEVICE], { env });
  expect(shown.stdout.match(/pi-1 {2}hello \w+/g)?.slice(-3)).toEqual(["pi-1  hello Held", "pi-1  hello Running", "pi-1  hello Held"]);
  const ofDevice = await run([process.execPath, IOT, "history", DEVICE, "--json"], { env });
  expect(JSON.parse(ofDevice.stdout)).toHaveLength(after.length);
});

test("a trace has the same steps although the clock of the device is set back an hour on the way", async () => {
  await using plain = await startNats();
  const operator = await Central.connect(plain.url);
  onTestFinished(() => operator.close());
  const [library = ""] = (await run(["sh", "-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"])).stdout.split("\n");
  const clock = join(device.folder, "clock");
  await writeFile(clock, "+0");
  const agent = spawn(process.execPath, [FILE_AGENT, device.folder, device.stateDir, plain.url], {
    env: {
      PATH: process.env["PATH"],
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: "1",
      DONT_FAKE_MONOTONIC: "1",
    },
    stdio: "ignore",
  });
  onTestFinished(() => void agent.kill("SIGKILL"));
  const gate = join(device.folder, "gate");
  await operator.apply({ hello: fileScore("one", { waitsFor: gate }) });
  const waiting = await operator.untilStatus("it waits", ({ deployments }) => deployments["hello"]?.phase === "Starting");
  await writeFile(clock, "-1h");
  await writeFile(gate, "");
  const ran = await operator.untilStatus("it runs", ({ deployments }) => deployments["hello"]?.phase === "Running");
  expect(Date.parse(ran.reportedAt)).toBeLessThan(Date.parse(waiting.reportedAt) - 3_000_000);
  const trace = async (...args: string[]): Promise<string> =>
    (await run([process.execPath, IOT, "trace", "hello", ...args], { env: { NATS_URL: plain.url }, allowExitCodes: [0, 1] })).stdout;
  await eventually(async () => (await trace(DEVICE)) !== "", { what: "there is a trace", timeoutMs: 20_000 });
  const shown = await trace(DEVICE);
  expect(shown).toMatch(/^hello on pi-1, revision \d+, healthy \d{1,2}\.\d s after the change\n/);
  const steps = shown
    .split("\n")
    .slice(1, -1)
    .map((line) => line.trim().split(/ +/)[0]);
  expect(steps).toEqual(["revision", "received", "read", "started", "healthy"]);
  for (const [, sign, took] of shown.matchAll(/([+-]) (\d+\.\d) s/g)) expect([sign, Number(took) < 30]).toEqual(["+", true]);
  expect(await trace()).toMatch(/^hello: 1 devices healthy\np50 .* s {3}p95 .* s\nDEVICE .*\npi-1 /);
});

test("a server without the stream does no harm, and gets it all when an operator makes the stream", async () => {
  await central.messaging.connection.request("$JS.API.STREAM.DELETE.device-history");
  device.start(nats.url, DEVICE, { credential });
  await central.apply({ hello: fileScore("one") });
  await central.untilStatus("it runs", ({ deployments }) => deployments["hello"]?.phase === "Running");
  await eventually(() => device.lines.some((line) => line.includes("keeps no history")), { what: "it is said" });
  const env = { NATS_URL: nats.url, NATS_USER: "alice-viewer", NATS_PASSWORD: ACCOUNT_PASSWORDS.people };
  const asked = await run([process.execPath, IOT, "history"], { env, allowExitCodes: [1] });
  expect(asked.stderr).toBe("iot: this NATS keeps no history of devices: an operator of this version makes the stream for it\n");
  await ensureToldStreams(central.messaging, { log: quiet });
  await nats.restart();
  await eventually(async () => (await said().catch(() => [])).some((line) => line.includes("hello Running")), {
    what: "it is there",
    timeoutMs: 20_000,
  });
  expect(device.lines.filter((line) => line.includes("keeps no history"))).toHaveLength(1);
});
