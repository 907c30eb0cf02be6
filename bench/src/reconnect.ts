// Kills the server of 10,000 devices that are connected from one process, starts it again, and
// measures until all of them are back, with the messaging package alone. The baseline is as many
// bare connections of the same client, in the same run. A fleet that dials faster than its server
// can answer never comes back, so the sockets are counted too.

import { createLog, systemClock } from "@harmony/runtime";
import { asDeviceId } from "@iot/contracts";
import { connectMessaging } from "@iot/messaging";
import { type NatsServer, startNats } from "@iot/testkit";
import { connect } from "@nats-io/transport-node";
import type { Figure, Measurement } from "./measurement.ts";

const WANTED = 10_000;
/** The server and this process open these beside the devices' sockets. */
const OTHER_FILES = 500;
/** So long a server is away that is started again by its unit. */
const AWAY_MS = 5_000;
const LOOK_EVERY_MS = 200;
const GIVE_UP_MS = 300_000;
const log = createLog({ name: "bench", level: "error" });

export const reconnect: Measurement = {
  name: "reconnect",
  takesMinutes: 5,
  async run(): Promise<readonly Figure[]> {
    const devices = Math.min(WANTED, Math.floor((openFilesLimit() - OTHER_FILES) / 1.2));
    await using nats = await startNats();
    const bare = await bareConnections(nats, devices);
    const ours = await deviceConnections(nats, devices);
    const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`;
    const fewer = devices < WANTED ? ` (of ${WANTED}: more files may not be open here)` : "";
    const perDevice = ours.mostSockets / devices;
    return [
      {
        what: `${devices} device connections${fewer}, one process; their server is killed, and away for ${AWAY_MS / 1000} s: all back; sockets a device, at most`,
        target: "≤ twice the bare client, and ≤ 120 s; ≤ 1.2",
        measured: `${seconds(ours.backMs)}; ${perDevice.toFixed(2)}`,
        baseline: `bare connections of the same client: ${seconds(bare.backMs)}; ${(bare.mostSockets / devices).toFixed(2)}`,
        met: ours.backMs <= Math.min(120_000, 2 * bare.backMs) && perDevice <= 1.2,
        numbers: {
          devices,
          backMs: ours.backMs,
          bareBackMs: bare.backMs,
          mostSockets: ours.mostSockets,
          bareMostSockets: bare.mostSockets,
        },
      },
    ];
  },
};

interface Back {
  /** Since the server can be dialled again. */
  readonly backMs: number;
  readonly mostSockets: number;
}

async function bareConnections(nats: NatsServer, count: number): Promise<Back> {
  const connections = await inTurn(count, () => connect({ servers: nats.url, maxReconnectAttempts: -1, noAsyncTraces: true }));
  const back = new Set<number>();
  connections.forEach((connection, index) => {
    void (async () => {
      for await (const { type } of connection.status()) {
        if (type === "disconnect") back.delete(index);
        if (type === "reconnect") back.add(index);
      }
    })();
  });
  const result = await killAndCount(nats, count, () => back.size);
  await Promise.all(connections.map((connection) => connection.close()));
  return result;
}

async function deviceConnections(nats: NatsServer, count: number): Promise<Back> {
  const ended = new AbortController();
  const devices = await inTurn(count, (index) => {
    const device = asDeviceId(`device-${index}`);
    return connectMessaging({ servers: [nats.url], name: device, device, log, signal: ended.signal });
  });
  const back = new Set<number>();
  devices.forEach((messaging, index) => messaging.onReconnect(() => back.add(index)));
  const result = await killAndCount(nats, count, () => back.size);
  await Promise.all(devices.map((messaging) => messaging.close()));
  ended.abort();
  return result;
}

/** A hundred at once. */
async function inTurn<T>(count: number, make: (index: number) => Promise<T>): Promise<readonly T[]> {
  const made: T[] = [];
  while (made.length < count) {
    const first = made.length;
    made.push(...(await Promise.all(Array.from({ length: Math.min(100, count - first) }, (_, offset) => make(first + offset)))));
  }
  return made;
}

async function killAndCount(nats: NatsServer, count: number, back: () => number): Promise<Back> {
  let mostSockets = 0;
  const looking = setInterval(() => (mostSockets = Math.max(mostSockets, sockets())), LOOK_EVERY_MS);
  await nats.kill();
  await systemClock.sleep(AWAY_MS);
  await nats.start();
  const startedMs = performance.now();
  while (back() < count && performance.now() - startedMs < GIVE_UP_MS) await systemClock.sleep(LOOK_EVERY_MS);
  clearInterval(looking);
  if (back() < count) process.stdout.write(`  ${back()} of ${count} are back after ${GIVE_UP_MS / 1000} s\n`);
  return { backMs: performance.now() - startedMs, mostSockets };
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
}

function openFilesLimit(): number {
  const report: unknown = process.report.getReport();
  const limit = ["userLimits", "open_files", "soft"].reduce<unknown>(
    (object, key) => (typeof object === "object" && object !== null ? Reflect.get(object, key) : undefined),
    report,
  );
  return typeof limit === "number" ? limit : limit === "unlimited" ? Number.POSITIVE_INFINITY : 1_024;
}
