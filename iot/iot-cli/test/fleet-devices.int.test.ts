// `iot devices`, `iot describe device` and `iot find` as they are typed, against a real nats-server
// that holds what devices, an operator and people put there.

import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, type DeviceInventory } from "@iot/contracts";
import { connectMessaging, openDesiredState, openDeviceWords, openInventoryStore, openStatusStore, openStatusWriter } from "@iot/messaging";
import { type NatsServer, run, type RunResult, startNats } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

const MAIN = join(import.meta.dirname, "../src/main.ts");
const log = createLog({ name: "test", write: () => undefined });
const { signal } = new AbortController();
const DIGEST = `sha256:${"ab".repeat(32)}`;
const DEPLOYMENT = asDeploymentName("hello-world");

let nats: NatsServer;

function iot(...args: readonly string[]): Promise<RunResult> {
  return run([process.execPath, MAIN, ...args], { env: { NATS_URL: nats.url }, allowExitCodes: [0, 1, 2, 3, 4] });
}

const inventoryOf = (device: string): DeviceInventory => ({
  device,
  agentVersion: "0.3.0",
  bootId: "b",
  architecture: "arm64",
  capabilities: ["podman"],
  labels: { site: "said-by-itself" },
  facts: { model: "Raspberry Pi 5 Model B Rev 1.0", os: "Debian 13", kernel: "6.12", addresses: "10.0.0.2" },
  memoryBytes: 8 * 2 ** 30,
  disks: [{ path: "/", bytes: 32 * 2 ** 30, availableBytes: 16 * 2 ** 30 }],
});

beforeAll(async () => {
  nats = await startNats();
  const messaging = await connectMessaging({ servers: [nats.url], name: "test", log, signal });
  const desired = await openDesiredState(messaging, { log });
  await openStatusStore(messaging, { log });
  await openInventoryStore(messaging, { log });
  const words = await openDeviceWords(messaging, { log, signal });
  const said = { labels: { site: "plant-7" }, displayName: "Press 1", allowedNamespaces: ["default"] };
  await words.put("git:demo", new Map([[asDeviceId("pi-2"), said]]), signal);
  for (const device of ["pi-1", "pi-2", "pi-10"].map(asDeviceId)) {
    const score = await desired.putScore({
      device,
      deployment: DEPLOYMENT,
      scoreString: '{"type":"PodmanV0","data":{}}',
      expectedRevision: 0,
    });
    if (!score.ok) throw new Error("conflict");
    const { revision } = score;
    const entry = { revision, generation: 1, uid: "u", source: "git:demo", namespace: "default", commit: "8f3c2ab0" };
    await desired.putManifest({ device, manifest: { sources: ["git:demo"], deployments: { [DEPLOYMENT]: entry } }, expectedRevision: 0 });
    // Switched off since it was made.
    if (device === "pi-10") continue;
    const writer = openStatusWriter(messaging, device);
    await writer.putInventory(inventoryOf(device), signal);
    const since = new Date().toISOString();
    const services = [{ name: "web", phase: "Running", image: "docker.io/library/nginx:1.29", imageDigest: DIGEST }];
    const report = {
      phase: "Running",
      reason: "Running",
      message: "",
      since,
      desiredRevision: revision,
      runningRevision: revision,
      services,
    };
    const agent = { device, agentVersion: "0.3.0", reportedAt: since, manifestRevision: revision + 1 };
    await writer.putStatus({ ...agent, deployments: { [DEPLOYMENT]: report } }, signal);
  }
  await Promise.all([desired.close(), words.close()]);
  await messaging.close();
});
afterAll(() => nats?.stop());

const rows = (text: string): string[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().replaceAll(/\s{2,}/g, "|"));

test("iot devices lists them in natural order, with the columns of kubectl get iotdev", async () => {
  const { stdout, stderr } = await iot("devices");
  expect(stderr).toBe("");
  expect(rows(stdout)).toEqual([
    "NAME|READY|REASON|DEPLOYMENTS|LAST SEEN|VERSION|ARCH|MODEL",
    expect.stringMatching(/^pi-1\|True\|Running\|1\/1\|\d+ s\|0\.3\.0\|arm64\|Raspberry Pi 5 Model B Rev 1\.0$/),
    expect.stringMatching(/^pi-2\|True\|Running\|1\/1\|/),
    "pi-10|Unknown|NeverReported|0/1|never|-|-|-",
  ]);
  const wide = await iot("devices", "-o", "wide");
  expect(rows(wide.stdout)[2]).toMatch(
    /\|10\.0\.0\.2\|Debian 13\|6\.12\|-\|8192 MiB\|16 GiB\|site=plant-7,facts\.iot\.nationtech\.io\/architecture=arm64/,
  );
});

test.each([
  [["-l", "site=plant-7"], "pi-2\n"],
  [["-l", "site=said-by-itself"], ""],
  [["-l", "facts.iot.nationtech.io/architecture=arm64,!site"], "pi-1\n"],
  [["--offline"], "pi-10\n"],
  [[], "pi-1\npi-2\npi-10\n"],
])("iot devices %s -o name", async (options, expected) => {
  expect((await iot("devices", ...options, "-o", "name")).stdout).toBe(expected);
});

test("a selector that is none is refused with its part; json is for programs", async () => {
  expect(await iot("devices", "-l", "site=a,b>1")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('"b>1" is none') as unknown,
  });
  const { stdout } = await iot("devices", "-l", "site", "-o", "json");
  expect(JSON.parse(stdout)).toMatchObject({
    devices: [{ device: "pi-2", displayName: "Press 1", inventory: { memoryBytes: 8 * 2 ** 30 } }],
  });
});

test("iot describe device says all that is known of it", async () => {
  const { stdout } = await iot("describe", "device", "pi-2");
  for (const part of [
    /^Name: +pi-2$/m,
    /^Display name: +Press 1$/m,
    /^Its own labels: +site=said-by-itself$/m,
    /^Ready +True +Running/m,
    /^hello-world +Running/m,
  ])
    expect(stdout).toMatch(part);
  expect(await iot("describe", "device", "pi-3")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('"pi-3": do you mean') as unknown,
  });
});

test("iot find says which devices run an image, or are to run a commit", async () => {
  const found = await iot("find", "image", "nginx", "-o", "csv");
  expect(found.stdout.split("\r\n")).toEqual([
    "device,namespace,deployment,service,image,digest,commit,runs,startedAt,offline",
    ...["pi-1", "pi-2"].map(
      (device) => `"${device}","default","hello-world","web","docker.io/library/nginx:1.29","${DIGEST}","8f3c2ab0","true","","false"`,
    ),
    "",
  ]);
  expect(await iot("find", "image", "sha256:00000000")).toMatchObject({ exitCode: 1, stdout: "No device.\n" });
  expect(await iot("find", "image", "not an image")).toMatchObject({ exitCode: 2 });
  const { stdout } = await iot("find", "commit", "8f3c", "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    found: [{ device: "pi-1", runs: true }, { device: "pi-2" }, { device: "pi-10", runs: false }],
  });
});
