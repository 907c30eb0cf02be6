// The agent, wired in one direction: what should be (desired/) to the workers that make it so
// (reconcile/), and their reports to whoever wants to hear of them: the status in NATS (status/),
// systemd (systemd/), the history and the person at the device (local/). Each part knows those
// above it and says nothing to those below, which subscribe to its events. The agent works from its
// own disk before NATS was ever reached, and ends when the signal is aborted. What runs on the
// Topology keeps running.

import type { BoundVariant, Inventory, LogBatch, LogQuery } from "@harmony/core";
import type { Log } from "@harmony/runtime";
import type { DeviceStatus } from "@iot/contracts";
import { connectMessaging, type CredentialSource, openDeviceReader, openHistoryWriter, openStatusWriter } from "@iot/messaging/device";
import { openAsking } from "./asking/asking.ts";
import { type AgentConfig, REMOTE_DEFAULT, type RemotePolicy } from "./config/config.ts";
import { connectionSettings } from "./config/connection-settings.ts";
import { DEFAULT_CONFIG_FILE } from "./config/default-paths.ts";
import { AGENT_VERSION } from "./config/version.ts";
import { DesiredState } from "./desired/desired-state.ts";
import { Problems } from "./desired/problems.ts";
import { StateStore } from "./desired/state-store.ts";
import { bootId } from "./device/boot-id.ts";
import { ConnectionNow } from "./local/connection-now.ts";
import { localActions } from "./local/local-actions.ts";
import { type LocalActions, openLocalSocket } from "./local/local-socket.ts";
import type { FetchedSecrets } from "./openbao/fetched-secrets.ts";
import { Holds } from "./reconcile/holds.ts";
import { Workers } from "./reconcile/workers.ts";
import { History, historyEntry } from "./status/history.ts";
import { HistorySender, now } from "./status/history-sender.ts";
import { Reports } from "./status/reports.ts";
import { SharedId } from "./status/shared-id.ts";
import { deviceStatus } from "./status/status.ts";
import { StatusSender, toDeviceInventory } from "./status/status-sender.ts";
import { Traces } from "./status/traces.ts";
import { SentencePublisher } from "./systemd/sentence-publisher.ts";
import type { ServiceManager } from "./systemd/service-manager.ts";
import { keepWatchdogFed } from "./systemd/watchdog.ts";

const STATUSES_PER_PING = 10;

/** What a device with an identity gets beside its manifest, and may look for again. */
export interface FromAfar {
  /** Where NATS and OpenBao are. Gives why that is not known; null: it is. */
  place(): Promise<string | null>;
  /** null: this fleet has no OpenBao. */
  readonly secrets: FetchedSecrets | null;
}

export interface AgentOptions {
  readonly config: Omit<AgentConfig, "credentials" | "podmanSocket" | "userRunDir" | "secretsDir" | "policy" | "remote"> &
    Partial<Pick<AgentConfig, "remote">>;
  readonly credentials: CredentialSource;
  /** Named in sentences, for whoever corrects it. */
  readonly configFile?: string;
  /** The Score variants that this agent serves, each bound to its Topology. */
  readonly variants: readonly BoundVariant[];
  readonly inventory: (signal: AbortSignal) => Promise<Inventory>;
  /** What the agent itself wrote; absent: there is no journal. */
  readonly ownLog?: (query: LogQuery, signal: AbortSignal) => AsyncIterable<LogBatch>;
  /** What its commands would find of all that it stands on. */
  readonly doctor?: (signal: AbortSignal) => Promise<unknown>;
  readonly fromAfar?: FromAfar | undefined;
  readonly serviceManager: ServiceManager;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export async function runAgent(options: AgentOptions): Promise<void> {
  const { config, serviceManager, log, signal } = options;
  const parts = wire(options, await bootId());
  const { history, historySender, holds, desired, workers, reports, sender, sentence } = parts;
  await Promise.all([desired.load(), historySender.load().then((sent) => history.load(sent)), holds.load()]);
  workers.start(signal);
  const watchdog = keepWatchdogFed({
    watchdogMs: serviceManager.watchdogMs,
    handlings: () => [...workers.handlings(), ...desired.handlings(), ...sender.handlings()],
    feed: () => serviceManager.feedWatchdog(),
    log,
    signal,
  });
  const actions = localActions({ device: config.device, fromAfar: options.fromAfar ?? null, ...parts });
  await openLocalSocket({ folder: config.runDir, actions, log, signal });
  // It is ready before NATS is reached: what runs on the device does not need NATS.
  serviceManager.ready();
  sentence.changed();
  try {
    await followUntilAborted(options, parts, actions);
  } finally {
    serviceManager.stopping();
    await Promise.all([desired, workers, reports, sender, historySender, sentence, holds].map((part) => part.close()));
    await watchdog;
    await history.close();
  }
}

interface Parts {
  readonly history: History;
  readonly historySender: HistorySender;
  readonly connection: ConnectionNow;
  readonly holds: Holds;
  readonly desired: DesiredState;
  readonly workers: Workers;
  readonly reports: Reports;
  readonly sender: StatusSender;
  readonly sentence: SentencePublisher;
  readonly status: () => DeviceStatus;
}

function wire({ config, variants, inventory, serviceManager, fromAfar, log }: AgentOptions, boot: string): Parts {
  const { device, labels, stateDir, statusIntervalMs, relistIntervalMs, natsUrls, remote = REMOTE_DEFAULT } = config;
  const identity = { device, agentVersion: AGENT_VERSION };
  const history = new History({ folder: stateDir, log });
  const historySender = new HistorySender({ folder: stateDir, history, bootId: boot, log });
  const connection = new ConnectionNow(natsUrls);
  const problems = new Problems({ log });
  const holds = new Holds({ folder: stateDir, bootId: boot, log });
  const desired = new DesiredState({ device, store: new StateStore({ folder: stateDir, log }), problems, log });
  const workers = new Workers({ variants, desired, holds, problems, relistIntervalMs, log });
  const reports = new Reports({ log, history });
  const status: Parts["status"] = () =>
    deviceStatus({
      ...identity,
      statusIntervalMs: sender.statusEveryMs(),
      reportedAt: new Date().toISOString(),
      manifestRevision: desired.manifestRevision,
      problem: problems.worst(),
      deployments: reports.current(),
    });
  const sender = new StatusSender({
    statusIntervalMs,
    log,
    status,
    bootId: boot,
    sharedId: new SharedId(device, boot),
    onFound: (found) => (found === null ? problems.clear("identity") : problems.set("identity", found)),
    inventory: async (aborted) =>
      toDeviceInventory(await inventory(aborted), { ...identity, bootId: boot, labels: { ...labels }, remote: openTo(remote) }),
  });
  const sentence = new SentencePublisher({
    agentState: () => ({ connection: connection.state, deployments: reports.current(), problem: problems.worst() }),
    publish: (text) => serviceManager.status(text),
  });
  const traces = new Traces();
  desired.events.on("named", (name, revision) => traces.named(name, revision));
  desired.events.on("received", (name, revision) => traces.received(name, revision));
  workers.events.on("reached", (name, revision, milestone) => traces.reached(name, revision, milestone));
  workers.events.on("reported", (name, report) => {
    traces.reported(name, report);
    reports.add(name, report);
  });
  workers.events.on("removed", (name) => {
    traces.forget(name);
    reports.forget(name);
  });
  reports.events.on("transition", (deployment, report, message) => {
    const trace = report === null ? undefined : traces.of(deployment, report);
    const commit = desired.record(deployment)?.entry.commit;
    history.add(historyEntry({ deployment, report, message }, { ...now(boot), commit, trace }));
    historySender.changed();
  });
  reports.events.on("changed", (change) => sender.changed(change));
  fromAfar?.secrets?.events.on("changed", () => workers.lookAtAll());
  problems.events.on("changed", () => sender.changed("transition"));
  for (const { events } of [reports, problems, connection]) events.on("changed", () => sentence.changed());
  return { history, historySender, connection, holds, desired, workers, reports, sender, sentence, status };
}

/** What people may ask for by `[remote]`, as the inventory says it. */
function openTo({ logs, exec }: RemotePolicy): string[] {
  return [...(logs ? ["logs"] : []), ...(exec ? ["exec"] : [])];
}

async function followUntilAborted(
  options: AgentOptions,
  { connection, desired, sender, historySender, workers }: Parts,
  actions: LocalActions,
): Promise<void> {
  const { config, configFile = DEFAULT_CONFIG_FILE, credentials, ownLog, doctor, log, signal } = options;
  const { device, natsUrls, natsCaFile: caFile, natsConnectTimeoutMs: timeoutMs, statusIntervalMs } = config;
  const messaging = await connectMessaging({
    servers: natsUrls,
    credentials,
    caFile,
    timeoutMs,
    settings: connectionSettings(configFile),
    name: `iot-agent ${device}`,
    device,
    log,
    signal,
    // Each status is acknowledged, and one that is not makes the connection prove itself, so more
    // pings would only cost their bytes.
    pingIntervalMs: STATUSES_PER_PING * statusIntervalMs,
    onState: (state) => connection.become(state),
  });
  const writer = openStatusWriter(messaging, device);
  desired.follow(openDeviceReader(messaging, device), signal);
  sender.attach(writer);
  const historyWriter = openHistoryWriter(messaging, device);
  historySender.attach(historyWriter);
  messaging.onReconnect(() => {
    desired.readAgain();
    sender.attach(writer);
    historySender.attach(historyWriter);
  });
  const asking = openAsking(messaging, {
    device,
    remote: config.remote ?? REMOTE_DEFAULT,
    configFile,
    actions,
    variantOf: (name) => workers.variantOf(name),
    ownLog,
    doctor,
    log,
  });
  await aborted(signal);
  await asking.close();
  await messaging.close();
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
