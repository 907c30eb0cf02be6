// Connects 3,000 devices to one NATS, with the messaging package alone. Measures the time until
// every one has its manifest and Score, and how long a change to all of them takes. The baseline is
// 3,000 bare connections and a message to each.

import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, type DeviceId } from "@iot/contracts";
import { connectMessaging, openDesiredState, openDeviceReader } from "@iot/messaging";
import { startNats } from "@iot/testkit";
import { connect } from "@nats-io/transport-node";
import type { Figure, Measurement } from "./measurement.ts";
import { SOURCE } from "./rig.ts";
import { scoreOf } from "./score-of.ts";

const DEVICES = 3_000;
const DEPLOYMENT = asDeploymentName("hello-world");
const log = createLog({ name: "bench", level: "error" });

export const fleet: Measurement = {
  name: "fleet",
  takesMinutes: 1,
  async run(): Promise<readonly Figure[]> {
    await using nats = await startNats();
    const ended = new AbortController();
    const devices = Array.from({ length: DEVICES }, (_, index) => asDeviceId(`device-${index}`));
    const operator = await connectMessaging({ servers: [nats.url], name: "operator", log, signal: ended.signal });
    const store = await openDesiredState(operator, { log });
    const revisions = new Map<DeviceId, { score: number; manifest: number }>();
    const writeToAll = async (image: string, generation: number): Promise<void> => {
      const scoreString = scoreOf({ image, port: 8080 });
      await Promise.all(
        devices.map(async (device) => {
          const known = revisions.get(device) ?? { score: 0, manifest: 0 };
          const score = await store.putScore({ device, deployment: DEPLOYMENT, scoreString, expectedRevision: known.score });
          if (!score.ok) throw new Error("conflict");
          const entry = { revision: score.revision, generation, uid: "bench", source: SOURCE, namespace: "default" };
          const manifest = await store.putManifest({
            device,
            manifest: { sources: [SOURCE], deployments: { [DEPLOYMENT]: entry } },
            expectedRevision: known.manifest,
          });
          if (!manifest.ok) throw new Error("conflict");
          revisions.set(device, { score: score.revision, manifest: manifest.revision });
        }),
      );
    };
    await writeToAll("registry.example.org/hello:1", 1);

    let inStep = 0;
    let wanted = "hello:1";
    let allInStep = Promise.withResolvers<void>();
    const follow = async (device: DeviceId): Promise<() => Promise<void>> => {
      const messaging = await connectMessaging({ servers: [nats.url], name: device, device, log, signal: ended.signal });
      const reader = openDeviceReader(messaging, device);
      const read = async (): Promise<void> => {
        const manifest = await reader.readManifest(ended.signal);
        const revision = manifest.kind === "found" ? manifest.manifest.deployments[DEPLOYMENT]?.revision : undefined;
        if (revision === undefined) return;
        const score = await reader.readScore({ deployment: DEPLOYMENT, revision }, ended.signal);
        if (score.kind === "found" && score.scoreString.includes(wanted)) {
          inStep += 1;
          if (inStep === DEVICES) allInStep.resolve();
        }
      };
      reader.notices(() => void read().catch(() => undefined), ended.signal);
      await read();
      return () => messaging.close();
    };
    const start = performance.now();
    const closers = await Promise.all(devices.map(follow));
    await allInStep.promise;
    const inStepMs = performance.now() - start;

    inStep = 0;
    wanted = "hello:2";
    allInStep = Promise.withResolvers<void>();
    const changeStart = performance.now();
    await writeToAll("registry.example.org/hello:2", 2);
    const writtenMs = performance.now() - changeStart;
    await allInStep.promise;
    const changeMs = performance.now() - changeStart;
    await Promise.all(closers.map((close) => close()));
    await operator.close();
    ended.abort();

    const bare = await bareConnections(nats.url);
    const seconds = (value: number): string => `${(value / 1000).toFixed(2)} s`;
    return [
      {
        what: `${DEVICES} device connections (one process, no Podman): all in step; one change to all`,
        target: "≤ 15 s; ≤ 1.5 s",
        measured: `${seconds(inStepMs)}; ${seconds(changeMs)} (of which ${seconds(writtenMs)} writing ${2 * DEVICES} documents)`,
        baseline: `bare connections: ${seconds(bare.connectMs)}; a message to each: ${seconds(bare.messageMs)}`,
        met: inStepMs <= 15_000 && changeMs <= 1_500,
        numbers: { inStepMs, changeMs, writtenMs, bareConnectMs: bare.connectMs, bareMessageMs: bare.messageMs, devices: DEVICES },
      },
    ];
  },
};

async function bareConnections(servers: string): Promise<{ connectMs: number; messageMs: number }> {
  let received = 0;
  const all = Promise.withResolvers<void>();
  const start = performance.now();
  const connections = await Promise.all(
    Array.from({ length: DEVICES }, async (_, index) => {
      const connection = await connect({ servers });
      connection.subscribe(`bare.${index}`, {
        callback: () => {
          received += 1;
          if (received === DEVICES) all.resolve();
        },
      });
      await connection.flush();
      return connection;
    }),
  );
  const connectMs = performance.now() - start;
  const messageStart = performance.now();
  connections.forEach((connection, index) => connection.publish(`bare.${index + 1 === DEVICES ? 0 : index + 1}`));
  await all.promise;
  const messageMs = performance.now() - messageStart;
  await Promise.all(connections.map((connection) => connection.close()));
  return { connectMs, messageMs };
}
