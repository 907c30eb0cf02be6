// Devices in a real cluster, with the rights of the operator's manifest: what a device says stands
// in its object, what people say there is obeyed, and nothing that happens to an object changes
// what a device runs.

import { asDeviceId, type DeviceInventory } from "@iot/contracts";
import { openStatusWriter } from "@iot/messaging";
import { eventually, type NatsServer, type ServerProcess, startNats, startOperatorProcess } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningKubernetes, runKubernetes } from "./running-kubernetes.ts";
import { type Bucket, expectScore, openBucket } from "./running-operator.ts";
import { statusOf } from "./status-of.ts";
import { workload } from "./workload.ts";

let kubernetes: RunningKubernetes;
let nats: NatsServer;
let operator: ServerProcess;

beforeAll(async () => {
  [kubernetes, nats] = await Promise.all([runKubernetes(), startNats()]);
  operator = await startOperatorProcess({ NATS_URL: nats.url, KUBECONFIG: kubernetes.kubeconfig });
});
afterAll(async () => {
  await operator?.kill();
  await nats?.stop();
  await kubernetes?.server.stop();
});

const kubectl = (...args: string[]): Promise<string> => kubernetes.server.kubectl(args);
const field = (device: string, jsonpath: string): Promise<string> => kubectl("get", "iotdev", device, "-o", `jsonpath=${jsonpath}`);
const condition = (device: string, type: string): Promise<string> => {
  const at = `.status.conditions[?(@.type=="${type}")]`;
  return field(device, `{${at}.status} {${at}.reason}`);
};

async function expectCondition(device: string, type: string, expected: string): Promise<void> {
  await eventually(
    async () => {
      const found = await condition(device, type).catch((error: unknown) => String(error));
      return found === expected || Promise.reject(new Error(`it is ${found}`));
    },
    { what: `${type} of ${device} is ${expected}`, timeoutMs: 20_000 },
  );
}

function inventoryOf(device: string, more: Partial<DeviceInventory> = {}): DeviceInventory {
  return {
    device,
    agentVersion: "0.3.0",
    bootId: "b",
    architecture: "arm64",
    capabilities: ["podman"],
    labels: { site: "said-by-itself" },
    facts: {
      model: "Raspberry Pi 5 B",
      serial: "1000",
      os: "Debian 13",
      kernel: "6.12",
      podmanVersion: "5.4.2",
      addresses: "10.0.0.2 fd00::2",
    },
    cpus: 4,
    memoryBytes: 8 * 2 ** 30,
    disks: [{ path: "/", bytes: 32 * 2 ** 30, availableBytes: 16 * 2 ** 30 }],
    remote: ["logs"],
    ...more,
  };
}

async function says(
  bucket: Bucket,
  device: string,
  deployments: Parameters<typeof statusOf>[1] = {},
  inventory = inventoryOf(device),
): Promise<void> {
  const { signal } = new AbortController();
  const writer = openStatusWriter(bucket.messaging, asDeviceId(device));
  await writer.putInventory(inventory, signal);
  await writer.putStatus({ ...statusOf(device, deployments), reportedAt: new Date().toISOString(), agentVersion: "0.3.0" }, signal);
}

test("a device that reports gets its Device, which says what it is and whether it runs what it should", async () => {
  const bucket = await openBucket(nats.url);
  await kubernetes.apply(workload("hello", { devices: ["pi-1"] }));
  await expectScore(bucket, "pi-1.hello", "nginx:1");
  await says(bucket, "pi-1");
  await expectCondition("pi-1", "Ready", "False Progressing");
  const entry = (await bucket.manifest("pi-1"))?.deployments["hello"];
  await says(bucket, "pi-1", { hello: { revision: entry?.revision ?? 0, source: entry?.source ?? "" } });
  await kubectl("wait", "--for=condition=Ready", "iotdev/pi-1", "--timeout=20s");
  for (const [type, expected] of [
    ["Online", "True Reporting"],
    ["DiskPressure", "False DiskSufficient"],
    ["ClockWrong", "False ClockRight"],
    ["Following", "True Following"],
  ] as const)
    await expectCondition("pi-1", type, expected);
  const lines = (await kubectl("get", "iotdev", "pi-1", "-o", "wide")).split("\n").map((line) => line.trim().replaceAll(/\s{2,}/g, "|"));
  expect(lines[0]).toBe("NAME|READY|REASON|DEPLOYMENTS|LAST SEEN|VERSION|ARCH|MODEL|AGE|ADDRESS|OS|KERNEL|PODMAN|MEMORY|DISK FREE");
  expect(lines[1]).toMatch(
    /^pi-1\|True\|Running\|1\/1\|\d+s\|0\.3\.0\|arm64\|Raspberry Pi 5 B\|\d+s\|10\.0\.0\.2\|Debian 13\|6\.12\|podman:\/\/5\.4\.2\|8192Mi\|16Gi$/,
  );
  expect(await field("pi-1", "{.metadata.labels}{.spec}")).toBe("");
  expect(await field("pi-1", "{.status.reportedLabels.site}")).toBe("said-by-itself");

  const { signal } = new AbortController();
  const writer = openStatusWriter(bucket.messaging, asDeviceId("pi-1"));
  await writer.putInventory(inventoryOf("pi-1", { disks: [{ path: "/", bytes: 2 ** 30, availableBytes: 0 }] }), signal);
  await expectCondition("pi-1", "DiskPressure", "True DiskLow");
  await writer.putStatus({ ...statusOf("pi-1", {}), reportedAt: "2020-01-01T00:00:00Z" }, signal);
  await expectCondition("pi-1", "ClockWrong", "True ClockOff");
});

test("its labels and its spec are people's, and stay as they are", async () => {
  const bucket = await openBucket(nats.url);
  await says(bucket, "pi-2");
  await expectCondition("pi-2", "Ready", "True Running");
  await kubectl("label", "iotdev", "pi-2", "site=plant-7");
  await kubectl("patch", "iotdev", "pi-2", "--type=merge", "-p", '{"spec":{"displayName":"press 2"}}');
  await says(bucket, "pi-2", {}, inventoryOf("pi-2", { facts: { model: "another" } }));
  await eventually(async () => (await field("pi-2", "{.status.model}")) === "another", { timeoutMs: 10_000 });
  expect(await field("pi-2", "{.metadata.labels} {.spec.displayName}")).toBe('{"site":"plant-7"} press 2');
  expect(await kubectl("get", "iotdev", "-l", "site=plant-7", "-o", "name")).toBe("device.iot.nationtech.io/pi-2\n");
  expect(await kubectl("get", "iotdev", "-l", "site=said-by-itself", "-o", "name")).toBe("");
});

test("whoever deletes the Device of a device that reports waits, and reads why", async () => {
  const bucket = await openBucket(nats.url);
  await says(bucket, "pi-3");
  await expectCondition("pi-3", "Ready", "True Running");
  await kubectl("delete", "iotdev", "pi-3", "--wait=false");
  await expectCondition("pi-3", "Ready", "True StillReporting");
  expect(await field("pi-3", '{.status.conditions[?(@.type=="Ready")].message}')).toContain(
    "it is forgotten once it has been silent for 24 h",
  );
});

test("one that never reported is forgotten at once", async () => {
  await kubernetes.apply("apiVersion: iot.nationtech.io/v1alpha1\nkind: Device\nmetadata: { name: pi-4, labels: { site: plant-7 } }\n");
  await expectCondition("pi-4", "Ready", "Unknown NeverReported");
  await kubectl("delete", "iotdev", "pi-4", "--timeout=20s");
  expect(await kubectl("get", "iotdev", "pi-4", "--ignore-not-found")).toBe("");
});
