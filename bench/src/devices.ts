// Lists 10,000 devices with `iot devices`, and finds an image among them with `iot find image`,
// each a process as it is shipped. The baseline reads the same buckets with the bare client, and
// parses each document as JSON and no more.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, type DeviceInventory, type DeviceStatus } from "@iot/contracts";
import { connectMessaging, openDesiredState, openInventoryStore, openStatusStore, openStatusWriter } from "@iot/messaging";
import { run, startNats } from "@iot/testkit";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { type Figure, type Measurement, percentile } from "./measurement.ts";
import { SOURCE } from "./rig.ts";
import { scoreOf } from "./score-of.ts";

const DEVICES = 10_000;
const RUNS = 3;
const AT_ONCE = 500;
const ROOT = join(import.meta.dirname, "../..");
const DEPLOYMENT = asDeploymentName("hello-world");
const BUCKETS = ["desired-state", "status", "inventory"] as const;
const log = createLog({ name: "bench", level: "error" });

interface Cost {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

export const devices: Measurement = {
  name: "devices",
  takesMinutes: 3,
  async run(): Promise<readonly Figure[]> {
    await run([process.execPath, join(ROOT, "build/package/main.ts"), "--only", "iot.mjs"], { cwd: ROOT });
    await using nats = await startNats();
    await fill(nats.url);
    const bare = await times(() => readBare(nats.url));
    const listed = await times(() => iot(["devices"], nats.url));
    const found = await times(() => iot(["find", "image", "nginx", "-o", "csv"], nats.url));
    return [
      figure(`iot devices of ${DEVICES}`, listed, { wallSeconds: 3, cpuSeconds: 1 }, bare),
      figure(`iot find image among ${DEVICES}`, found, { wallSeconds: 1, cpuSeconds: 1 }, bare),
    ];
  },
};

function figure(what: string, costs: readonly Cost[], target: Cost, baseline: readonly Cost[]): Figure {
  const [cost, base] = [middle(costs), middle(baseline)];
  return {
    what: `${what}: until it ends; CPU (p50 of ${RUNS})`,
    target: `≤ ${target.wallSeconds} s; ≤ ${target.cpuSeconds} s`,
    measured: words(cost),
    baseline: `the same buckets read by the bare client: ${words(base)}`,
    met: cost.wallSeconds <= target.wallSeconds && cost.cpuSeconds <= target.cpuSeconds,
    numbers: { ...cost, bareWallSeconds: base.wallSeconds, bareCpuSeconds: base.cpuSeconds },
  };
}

function words({ wallSeconds, cpuSeconds }: Cost): string {
  return `${wallSeconds.toFixed(2)} s; ${cpuSeconds.toFixed(2)} s`;
}

function middle(costs: readonly Cost[]): Cost {
  const of = (part: keyof Cost): number =>
    percentile(
      costs.map((cost) => cost[part]),
      50,
    );
  return { wallSeconds: of("wallSeconds"), cpuSeconds: of("cpuSeconds") };
}

async function times(measureOnce: () => Promise<Cost>): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (let nth = 0; nth < RUNS; nth += 1) costs.push(await measureOnce());
  return costs;
}

async function iot(args: readonly string[], url: string): Promise<Cost> {
  const program = [process.execPath, join(ROOT, "dist/iot.mjs"), ...args, "--nats", url];
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null';
  const { stderr } = await promisify(execFile)("bash", ["-c", script, "bash", ...program]);
  const [wall = "", user = "", system = ""] = stderr.trim().split("\n").at(-1)?.split(" ") ?? [];
  return { wallSeconds: Number(wall), cpuSeconds: Number(user) + Number(system) };
}

async function readBare(url: string): Promise<Cost> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()];
  const connection = await connect({ servers: url });
  const client = jetstream(connection);
  for (const bucket of BUCKETS) {
    const consumer = await client.consumers.get(`KV_${bucket}`);
    const { num_pending: pending } = await consumer.info(true);
    let left = pending;
    for await (const message of await consumer.consume({ max_messages: 10_000 })) {
      JSON.parse(message.string());
      left -= 1;
      if (left <= 0) break;
    }
  }
  await connection.close();
  const { user, system } = process.cpuUsage(before);
  return { wallSeconds: (performance.now() - startedMs) / 1_000, cpuSeconds: (user + system) / 1e6 };
}

async function fill(url: string): Promise<void> {
  const { signal } = new AbortController();
  const messaging = await connectMessaging({ servers: [url], name: "fill", log, signal });
  const desired = await openDesiredState(messaging, { log });
  await openStatusStore(messaging, { log });
  await openInventoryStore(messaging, { log });
  const scoreString = scoreOf({ image: "registry.example.org/hello:1", port: 8080 });
  const one = async (index: number): Promise<void> => {
    const device = asDeviceId(`device-${index}`);
    const score = await desired.putScore({ device, deployment: DEPLOYMENT, scoreString, expectedRevision: 0 });
    if (!score.ok) throw new Error("conflict");
    const entry = { revision: score.revision, generation: 1, uid: "bench", source: SOURCE, namespace: "default" };
    const manifest = { sources: [SOURCE], deployments: { [DEPLOYMENT]: entry } };
    await desired.putManifest({ device, manifest, expectedRevision: 0 });
    const writer = openStatusWriter(messaging, device);
    await writer.putInventory(inventoryOf(device), signal);
    await writer.putStatus(statusOf(device, score.revision), signal);
  };
  for (let from = 0; from < DEVICES; from += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => one(from + at)));
  await desired.close();
  await messaging.close();
}

function statusOf(device: string, revision: number): DeviceStatus {
  const since = "2026-01-01T00:00:00Z";
  const services = [{ name: "web", phase: "Running", image: "docker.io/library/nginx:1.29", imageDigest: `sha256:${"ab".repeat(32)}` }];
  const report = { phase: "Running", reason: "Running", message: "", since, desiredRevision: revision, runningRevision: revision };
  return {
    device,
    agentVersion: "0.3.0",
    reportedAt: new Date().toISOString(),
    manifestRevision: revision + 1,
    deployments: { [DEPLOYMENT]: { ...report, services } },
  };
}

function inventoryOf(device: string): DeviceInventory {
  const facts = {
    model: "Raspberry Pi 5 Model B Rev 1.0",
    serial: device,
    os: "Debian GNU/Linux 13 (trixie)",
    kernel: "6.12",
    podmanVersion: "5.4.2",
  };
  const disks = [{ path: "/", bytes: 32e9, availableBytes: 16e9 }];
  return {
    device,
    agentVersion: "0.3.0",
    bootId: "b",
    architecture: "arm64",
    capabilities: ["podman"],
    labels: {},
    facts,
    cpus: 4,
    memoryBytes: 8e9,
    disks,
  };
}
