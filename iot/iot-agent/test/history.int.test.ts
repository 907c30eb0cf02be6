// What happened while NATS was away arrives when it is back, once and in order, and a person reads
// it by the command line.

import { join } from "node:path";
import { fixedCredentials } from "@iot/messaging";
import { ensureToldStreams, readDeviceHistory } from "@iot/messaging";
import { createLog } from "@harmony/runtime";
import { ACCOUNT_PASSWORDS, eventually, natsAccountsConfig, type NatsServer, run, startNats } from "@iot/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Central, DEVICE } from "./central.ts";
import { type FileDevice, fileScore, makeFileDevice } from "./file-agent.ts";

const IOT = join(import.meta.dirname, "../../iot-cli/src/main.ts");
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
  const query = { device: DEVICE, sinceMs: null, most: 1_000, inbox: "_INBOX" };
  const { transitions } = await readDeviceHistory(central.messaging, query, signal);
  return transitions.map(({ event }) => `${event.n} ${event.deployment} ${event.phase ?? "gone"}`);
};
const phaseIs = (name: string, phase: string): Promise<true> =>
  eventually(async () => JSON.stringify(await device.ask("GET", "/status")).includes(`"${name}":{"phase":"${phase}"`), {
    what: `${name} is ${phase}`,
    timeoutMs: 20_000,
  });

test("what happened while NATS was away, and while the agent was restarted, arrives once and in order", async () => {
  await ensureToldStreams(central.messaging, { log: quiet });
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

test("a server without the stream does no harm, and gets it all when an operator makes the stream", async () => {
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
