// Wires the parts, in the one order that lets a person see why it is not ready yet: HTTP first,
// then NATS and its buckets, then the source, then the loop. What cannot be reached is waited for;
// what is wrong in the environment ends the process with one line.

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backoffMs, EX_CONFIG, type Log, systemClock, UserError } from "@harmony/runtime";
import type { OperatorAnswer } from "@iot/contracts";
import {
  type Asked,
  connectMessaging,
  ensureToldStreams,
  type Audit,
  fixedCredentials,
  type DesiredStateStore,
  type InventoryStore,
  type Messaging,
  openAudit,
  openDesiredState,
  type KnownDevices,
  openInventoryStore,
  openKnownDevices,
  openSourceRecords,
  openStatusStore,
  purgeOldMarkers,
  serveOperatorRequests,
  type SourceRecords,
  type StatusStore,
} from "@iot/messaging";
import { type OperatorConfig, readConfig } from "./config/config.ts";
import { type Devices, followDevicesOf } from "./devices/devices.ts";
import { createGitSource } from "./sources/git/git-source.ts";
import { serveHttp } from "./http/http.ts";
import { startOperator } from "./operator.ts";
import type { Source } from "./sources/source.ts";
import { newHealth, sourceProblem, type Health } from "./http/health.ts";

export interface RunOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Until the signal is aborted. @throws UserError when it cannot start as its settings say. */
export async function run({ env, log, signal }: RunOptions): Promise<void> {
  const config = readConfig(env);
  const health = newHealth();
  await using stack = new AsyncDisposableStack();
  let poke = (): void => undefined;
  const http = await listen(config.httpPort, health, () => poke());
  stack.defer(() => http.close());
  log.info("listening", { port: http.port });

  const { servers, user, pass, caFile } = config.nats;
  const messaging = await connectMessaging({
    servers,
    credentials: fixedCredentials({ user, pass }),
    caFile,
    name: "iot-operator",
    log,
    signal,
    onState: (state) => (health.nats = state.kind === "connected" ? null : state.message),
  });
  stack.defer(() => messaging.close());
  const stores = await untilItWorks(
    "open the buckets",
    () => openStores(messaging, { replicas: config.nats.replicas, keepsLimits: true, log }),
    {
      log,
      signal,
      health,
    },
  );
  stack.defer(async () => void (await Promise.all([stores.desired.close(), stores.records.close()])));
  let answer = (asked: Asked): Promise<OperatorAnswer> => Promise.resolve(answerOfWaiting(asked, config, health));
  serveOperatorRequests(messaging, (asked) => answer(asked), { log, signal });
  const opened = await openSource(config, { log, signal, health });
  stack.defer(() => opened.close());
  poke = opened.poke;
  const { source } = opened;
  const devices = openDevices(source, stores, { health, log });
  stack.defer(async () => devices?.close());
  const around = { log, signal, health };
  const { desired, records, audit, devices: known } = stores;
  const started = { source, desired, records, audit, devices: known, status: devices?.status ?? stores.status, health, log };
  const operator = await untilItWorks("read the devices' status", () => startOperator(started), around);
  stack.defer(() => operator.close());
  if (devices !== null) await untilItWorks("read the devices' inventory", () => devices.start(), around);
  messaging.onReconnect(() => operator.resync());
  answer = (asked) => operator.answer(asked);
  log.info("serving", { source: source.id });
  const purging = purgeOldMarkers([stores.desired, stores.status, stores.inventory, stores.records], { log, signal });
  stack.defer(() => purging);
  await aborted(signal);
  log.info("shutting down");
}

/** null: the source has no objects of devices. */
function openDevices(
  { devices: objects }: Source,
  { status, inventory, desired }: Stores,
  { health, log }: { health: Health; log: Log },
): Devices | null {
  if (objects === undefined) return null;
  return followDevicesOf({ objects, status, inventory, desired, log, onProblem: (why) => (health.deviceProblem = why) });
}

/** It cannot tell yet which source it is, so nobody else can say for it what it waits for. */
function answerOfWaiting({ verb, request }: Asked, { git, sourceId }: OperatorConfig, health: Health): OperatorAnswer {
  const source = sourceId ?? (git === null ? "kubernetes" : "git");
  const why = health.nats ?? sourceProblem(health) ?? "its source was not read yet";
  if (verb === "state") return { source, done: request.source === source, message: why };
  return { source, done: false, message: `an operator that has just started does nothing yet: ${why}` };
}

async function listen(port: number, health: Health, onHook: () => void): Promise<{ port: number; close(): Promise<void> }> {
  try {
    return await serveHttp({ port, health, onHook });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(`failed to listen on port ${port} (${why}): set IOT_HTTP_PORT to a free port, or to 0 to have one picked`, 1, {
      cause,
    });
  }
}

interface Stores {
  readonly desired: DesiredStateStore;
  readonly status: StatusStore;
  readonly inventory: InventoryStore;
  readonly records: SourceRecords;
  readonly audit: Audit;
  readonly devices: KnownDevices;
}

/** The buckets are made when missing; those that keep something open last. */
async function openStores(messaging: Messaging, options: { replicas: number; keepsLimits: boolean; log: Log }): Promise<Stores> {
  const inventory = await openInventoryStore(messaging, options);
  const status = await openStatusStore(messaging, options);
  const records = await openSourceRecords(messaging, options);
  const audit = openAudit(messaging, options);
  // A fleet is served without it, too.
  await ensureToldStreams(messaging, options).catch((error: unknown) =>
    options.log.warn("failed to open the history and the audit of devices", { error }),
  );
  try {
    const devices = openKnownDevices(messaging);
    return { status, inventory, records, audit, devices, desired: await openDesiredState(messaging, options) };
  } catch (error) {
    await records.close();
    throw error;
  }
}

/**
 * A server that has no JetStream yet, or a bucket with a setting that breaks us, is waited for, and
 * said.
 */
async function untilItWorks<T>(
  what: string,
  attempt: () => Promise<T>,
  { log, signal, health }: { log: Log; signal: AbortSignal; health: Health },
): Promise<T> {
  for (let count = 1; ; count += 1) {
    try {
      const result = await attempt();
      health.nats = null;
      return result;
    } catch (error) {
      signal.throwIfAborted();
      const retryAfterMs = backoffMs(count, { baseMs: 500, maxMs: 15_000 });
      health.nats = error instanceof Error ? error.message : String(error);
      log.warn(`failed to ${what}`, { error, retryAfterMs });
      await systemClock.sleep(retryAfterMs, signal);
    }
  }
}

interface OpenedSource {
  readonly source: Source;
  readonly poke: () => void;
  close(): Promise<void>;
}

async function openSource(
  { git, sourceId }: OperatorConfig,
  around: { log: Log; signal: AbortSignal; health: Health },
): Promise<OpenedSource> {
  const { log } = around;
  if (git === null) return openKubernetes(sourceId, around);
  const folder = await mkdtemp(join(tmpdir(), "iot-operator-git-"));
  const source = await createGitSource({ config: git, id: sourceId, folder, log });
  return { source, poke: () => source.poke(), close: () => source.close() };
}

/** Loaded only where it is used: half of the process's memory is the Kubernetes client's. */
async function openKubernetes(
  id: string | undefined,
  { log, signal, health }: { log: Log; signal: AbortSignal; health: Health },
): Promise<OpenedSource> {
  const { createKubernetesSource } = await import("./sources/kubernetes/kubernetes-source.ts");
  const { KubernetesError } = await import("@harmony/kube-api");
  try {
    const source = await createKubernetesSource({ id, log, signal, onWaiting: (why) => (health.sourceProblem = why) });
    return { source, poke: () => undefined, close: () => Promise.resolve() };
  } catch (cause) {
    if (!(cause instanceof KubernetesError) || cause.code !== "NotConfigured") throw cause;
    const message = `${cause.message}; the source of Deployments is a Kubernetes API (KUBECONFIG, or the pod's service account) or a git repository (IOT_GIT_URL)`;
    throw new UserError(message, EX_CONFIG, { cause });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
