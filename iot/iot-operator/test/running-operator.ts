// An operator with its git source in the test's own process, on real servers, with what it logged
// and what the bucket has. For tests that hold a write back or end it between two; the process
// itself is tested in process.int.test.ts.

import { join } from "node:path";
import { type Clock, createLog, systemClock } from "@harmony/runtime";
import { asDeviceId, type DeviceStatus, type Manifest } from "@iot/contracts";
import {
  connectMessaging,
  type DesiredStateSnapshot,
  type DesiredStateStore,
  type Messaging,
  openAudit,
  openDesiredState,
  openInventoryStore,
  openKnownDevices,
  openSourceRecords,
  openStatusStore,
  openStatusWriter,
  serveOperatorRequests,
} from "@iot/messaging";
import { eventually, makeTempFolder } from "@iot/testkit";
import { onTestFinished } from "vitest";
import { readConfig } from "../src/config/config.ts";
import { createGitSource } from "../src/sources/git/git-source.ts";
import { type Operator, startOperator } from "../src/operator.ts";
import { newHealth, type Health } from "../src/http/health.ts";

export interface RunningOperator {
  readonly lines: string[];
  readonly health: Health;
  /** Asks for a reading, as a hook does. */
  poke(): void;
  close(): Promise<void>;
}

export interface RunningOptions {
  readonly natsUrl: string;
  readonly gitUrl: string;
  readonly sourceId?: string;
  /** The uid that a cluster has. */
  readonly clusterUid?: string;
  readonly env?: Record<string, string>;
  /** For injected faults. */
  readonly wrap?: (store: DesiredStateStore) => DesiredStateStore;
  readonly clock?: Clock;
}

export async function runOperator(options: RunningOptions): Promise<RunningOperator> {
  const { natsUrl, gitUrl, sourceId = "git:test", env = {}, wrap = (store) => store, clock = systemClock } = options;
  const lines: string[] = [];
  const log = createLog({ name: "operator", format: "text", write: (line) => void lines.push(line) });
  const folder = await makeTempFolder("operator");
  const health = newHealth();
  const messaging = await connect(natsUrl);
  const desired = await openDesiredState(messaging, { log });
  const status = await openStatusStore(messaging, { log });
  await openInventoryStore(messaging, { log });
  const records = await openSourceRecords(messaging, { log });
  const audit = openAudit(messaging, { log });
  const { git } = readConfig({ IOT_GIT_URL: gitUrl, ...env });
  if (git === null) throw new Error("no IOT_GIT_URL");
  const repository = await createGitSource({ config: git, id: sourceId, folder: join(folder.path, "copy"), log });
  const source = options.clusterUid === undefined ? repository : { ...repository, clusterUid: options.clusterUid };
  const operator: Operator = await startOperator({
    source,
    desired: wrap(desired),
    status,
    records,
    audit,
    devices: openKnownDevices(messaging),
    health,
    log,
    clock,
  });
  messaging.onReconnect(() => operator.resync());
  const serving = new AbortController();
  serveOperatorRequests(messaging, (asked) => operator.answer(asked), { log, signal: serving.signal });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    serving.abort();
    await operator.close();
    await Promise.all([desired.close(), records.close()]);
    await messaging.close();
    await folder.remove();
  };
  onTestFinished(close);
  return { lines, health, poke: () => source.poke(), close };
}

export interface Bucket {
  snapshot(): Promise<DesiredStateSnapshot>;
  manifest(device: string): Promise<Manifest | undefined>;
  score(key: string): Promise<string | null>;
  /** The last sequence of the store: no higher means that nothing was written. */
  lastSequence(): Promise<number>;
  putStatus(status: DeviceStatus): Promise<void>;
  readonly store: DesiredStateStore;
  readonly messaging: Messaging;
}

/** Looks at the bucket over a connection of its own. */
export async function openBucket(natsUrl: string): Promise<Bucket> {
  const log = createLog({ name: "test", write: () => undefined });
  const messaging = await connect(natsUrl);
  onTestFinished(() => messaging.close());
  const store = await openDesiredState(messaging, { log });
  onTestFinished(() => store.close());
  const snapshot = (): Promise<DesiredStateSnapshot> => store.observe(new AbortController().signal);
  return {
    store,
    messaging,
    snapshot,
    async manifest(device) {
      const manifest = (await snapshot()).manifests.get(asDeviceId(device))?.manifest;
      return manifest?.ok === true ? manifest.value : undefined;
    },
    score: async (key) => (await snapshot()).scores.get(key)?.scoreString ?? null,
    async lastSequence() {
      const { manifests, scores } = await snapshot();
      return Math.max(0, ...[...manifests.values(), ...scores.values()].map(({ revision }) => revision));
    },
    putStatus: (status) => openStatusWriter(messaging, asDeviceId(status.device)).putStatus(status, new AbortController().signal),
  };
}

/** Waits until the bucket's Score of this key holds `text`; null: until it has none. */
export async function expectScore(bucket: Bucket, key: string, text: string | null): Promise<void> {
  await eventually(
    async () => {
      const score = await bucket.score(key);
      if (text === null ? score === null : score?.includes(text) === true) return true;
      throw new Error(`${key} is ${score}`);
    },
    { what: `${key} holds ${text}`, timeoutMs: 20_000 },
  );
}

function connect(natsUrl: string): Promise<Messaging> {
  const log = createLog({ name: "test", write: () => undefined });
  return connectMessaging({ servers: [natsUrl], name: "test", log, signal: new AbortController().signal });
}
