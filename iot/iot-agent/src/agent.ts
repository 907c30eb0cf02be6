// The agent, wired: what should be (desired-state.ts) to the lanes that make it so (lanes.ts), and back to what is told (status-sender.ts).
// It works from its own disk before NATS was ever reached. Ends when the signal is aborted; what runs on the Topology keeps running.

import { readFile } from "node:fs/promises";
import type { BoundVariant, Inventory } from "@harmony/core";
import type { Log } from "@harmony/runtime";
import { connectMessaging, openDeviceReader, openStatusWriter } from "@iot/messaging/device";
import type { AgentConfig } from "./config.ts";
import type { CredentialSource } from "./credentials.ts";
import { DesiredState } from "./desired-state.ts";
import { Lanes } from "./lanes.ts";
import { Problems } from "./problems.ts";
import { StateStore } from "./state-store.ts";
import { deviceStatus } from "./status.ts";
import { StatusSender, toDeviceInventory } from "./status-sender.ts";
import { AGENT_VERSION } from "./version.ts";

const STATUSES_PER_PING = 10;

export interface AgentOptions {
  readonly config: Omit<AgentConfig, "credentials" | "podmanSocket">;
  readonly credentials: CredentialSource;
  /** The Score variants that this agent serves, each bound to its Topology. */
  readonly variants: readonly BoundVariant[];
  readonly inventory: (signal: AbortSignal) => Promise<Inventory>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export async function runAgent({ config, credentials, variants, inventory, log, signal }: AgentOptions): Promise<void> {
  const { device, labels, stateDir, statusIntervalMs, relistIntervalMs, natsUrls } = config;
  const identity = { device, agentVersion: AGENT_VERSION, bootId: await bootId() };
  const problems = new Problems({ log, onChange: () => sender.changed() });
  const desired: DesiredState = new DesiredState({
    device,
    store: new StateStore({ folder: stateDir, log }),
    problems,
    log,
    onDesired: (name, interrupt) => lanes.look(name, interrupt),
  });
  const sender = new StatusSender({
    statusIntervalMs,
    log,
    status: (deployments) =>
      deviceStatus({
        ...identity,
        statusIntervalMs,
        reportedAt: new Date().toISOString(),
        manifestRevision: desired.manifestRevision,
        problem: problems.worst(),
        deployments,
      }),
    inventory: async (aborted) => toDeviceInventory(await inventory(aborted), { ...identity, labels: { ...labels } }),
  });
  const lanes = new Lanes({
    variants,
    desired,
    problems,
    relistIntervalMs,
    log,
    onReport: (name, report) => sender.tell(name, report),
    onRemoved: (name) => sender.forget(name),
  });

  await desired.load();
  lanes.start(signal);
  try {
    // Each status is acknowledged, and one that is not makes the connection prove itself: pings would only cost their bytes.
    const pingIntervalMs = STATUSES_PER_PING * statusIntervalMs;
    const { user, pass } = await credentials.natsCredentials(signal);
    const messaging = await connectMessaging({
      servers: natsUrls,
      user,
      pass,
      name: `iot-agent ${device}`,
      device,
      log,
      signal,
      pingIntervalMs,
    });
    const writer = openStatusWriter(messaging, device);
    desired.follow(openDeviceReader(messaging, device), signal);
    sender.attach(writer);
    messaging.onReconnect(() => {
      desired.readAgain();
      sender.attach(writer);
    });
    await aborted(signal);
    await messaging.close();
  } finally {
    await Promise.all([desired.close(), lanes.close(), sender.close()]);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}
