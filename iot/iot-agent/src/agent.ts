// The agent, wired: what should be (desired-state.ts) to the lanes that make it so (lanes.ts), and back to what is told (status-sender.ts).
// It works from its own disk before NATS was ever reached. Ends when the signal is aborted; what runs on the Topology keeps running. What
// a person at the device sees and asks of it goes through
// local-api.ts and systemd's STATUS.

import type { BoundVariant, Inventory } from "@harmony/core";
import type { Log } from "@harmony/runtime";
import type { DeploymentName, DeploymentReport, DeviceStatus } from "@iot/contracts";
import { connectMessaging, openDeviceReader, openStatusWriter } from "@iot/messaging/device";
import { bootId } from "./device/boot-id.ts";
import type { AgentConfig } from "./config/config.ts";
import { ConnectionNow } from "./local/connection-now.ts";
import type { CredentialSource } from "./config/credentials.ts";
import { DesiredState } from "./desired/desired-state.ts";
import { History } from "./status/history.ts";
import { Holds } from "./reconcile/holds.ts";
import { Lanes } from "./reconcile/lanes.ts";
import { historyEntry, localActions, sinceOf } from "./local/local-actions.ts";
import { openLocalSocket } from "./local/local-socket.ts";
import { Problems } from "./status/problems.ts";
import { SentenceTeller } from "./systemd/sentence-teller.ts";
import type { ServiceManager } from "./systemd/service-manager.ts";
import { StateStore } from "./desired/state-store.ts";
import { deviceStatus } from "./status/status.ts";
import { StatusSender, toDeviceInventory } from "./status/status-sender.ts";
import { AGENT_VERSION } from "./config/version.ts";
import { type Handling, keepWatchdogFed } from "./systemd/watchdog.ts";

const STATUSES_PER_PING = 10;

export interface AgentOptions {
  readonly config: Omit<AgentConfig, "credentials" | "podmanSocket" | "userRunDir" | "secretsDir" | "policy">;
  readonly credentials: CredentialSource;
  /** The Score variants that this agent serves, each bound to its Topology. */
  readonly variants: readonly BoundVariant[];
  readonly inventory: (signal: AbortSignal) => Promise<Inventory>;
  readonly serviceManager: ServiceManager;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export async function runAgent(options: AgentOptions): Promise<void> {
  const { config, credentials, variants, inventory, serviceManager, log, signal } = options;
  const { device, labels, stateDir, runDir, statusIntervalMs, relistIntervalMs, natsUrls, natsCaFile: caFile } = config;
  const identity = { device, agentVersion: AGENT_VERSION };
  const boot = await bootId();
  const history = new History({ folder: stateDir, log });
  const connection = new ConnectionNow(natsUrls);
  const problems = new Problems({
    log,
    onChange: () => {
      sender.changed();
      sentence.changed();
    },
  });
  const holds: Holds = new Holds({
    folder: stateDir,
    bootId: boot,
    log,
    onChange: (name) => lanes.look(name, true),
  });
  const desired: DesiredState = new DesiredState({
    device,
    store: new StateStore({ folder: stateDir, log }),
    problems,
    log,
    onDesired: (name, interrupt) => lanes.look(name, interrupt),
  });
  const status = (deployments: ReadonlyMap<DeploymentName, DeploymentReport>): DeviceStatus =>
    deviceStatus({
      ...identity,
      statusIntervalMs,
      reportedAt: new Date().toISOString(),
      manifestRevision: desired.manifestRevision,
      problem: problems.worst(),
      deployments,
    });
  const sender = new StatusSender({
    statusIntervalMs,
    log,
    status,
    remembered: (name) => sinceOf(history.last(name)),
    onTransition: (deployment, report, message) => history.add(historyEntry(deployment, report, message)),
    onChange: () => sentence.changed(),
    inventory: async (aborted) => toDeviceInventory(await inventory(aborted), { ...identity, bootId: boot, labels: { ...labels } }),
  });
  const lanes = new Lanes({
    variants,
    desired,
    problems,
    relistIntervalMs,
    log,
    onReport: (name, report) => sender.tell(name, report),
    onRemoved: (name) => {
      sender.forget(name);
      void holds.forget(name);
    },
    holdOf: (name) => holds.get(name),
  });
  const sentence = new SentenceTeller({
    standing: () => ({ connection: connection.state, deployments: sender.deployments(), problem: problems.worst() }),
    tell: (text) => serviceManager.status(text),
  });

  await Promise.all([desired.load(), history.load(), holds.load()]);
  lanes.start(signal);
  const handlings = (): Handling[] => [...lanes.handlings(), ...desired.handlings(), ...sender.handlings()];
  const watchdog = keepWatchdogFed({
    watchdogMs: serviceManager.watchdogMs,
    handlings,
    feed: () => serviceManager.feedWatchdog(),
    log,
    signal,
  });
  await openLocalSocket({
    folder: runDir,
    actions: localActions({
      device,
      desired,
      lanes,
      sender,
      holds,
      history,
      status: () => ({ ...status(sender.deployments()), connection: connection.shown() }),
    }),
    log,
    signal,
  });
  // Not when NATS is reached: what runs here needs neither.
  serviceManager.ready();
  sentence.changed();
  try {
    // Each status is acknowledged, and one that is not makes the connection prove itself: pings would only cost their bytes.
    const pingIntervalMs = STATUSES_PER_PING * statusIntervalMs;
    const { user, pass } = await credentials.natsCredentials(signal);
    const messaging = await connectMessaging({
      servers: natsUrls,
      user,
      pass,
      caFile,
      name: `iot-agent ${device}`,
      device,
      log,
      signal,
      pingIntervalMs,
      onState: (state) => {
        connection.become(state);
        sentence.changed();
      },
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
    serviceManager.stopping();
    await Promise.all([desired.close(), lanes.close(), sender.close(), sentence.close(), holds.close(), watchdog]);
    await history.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
