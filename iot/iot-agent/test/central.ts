// The operator's end in the agent's tests: writes what a device should run as an operator does,
// Scores first, and sees what the device reports. It connects anew on demand, since the tests take
// NATS away and wipe it.

import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, type DeviceId, type DeviceStatus, type Manifest, subjects } from "@iot/contracts";
import {
  connectMessaging,
  type CredentialSource,
  type DesiredStateStore,
  ensureToldStreams,
  type Messaging,
  openDesiredState,
  openInventoryStore,
  openStatusStore,
  type StatusStore,
} from "@iot/messaging";
import { eventually } from "@iot/testkit";

export const DEVICE: DeviceId = asDeviceId("pi-1");
const quiet = createLog({ name: "central", write: () => undefined });
const signal = AbortSignal.timeout(600_000);

export interface Wanted {
  readonly scoreString: string;
  readonly source?: string;
  /** Instead of that at which the Score stands. */
  readonly revision?: number;
  readonly uid?: string;
  readonly generation?: number;
}

export class Central {
  readonly messaging: Messaging;
  readonly store: DesiredStateStore;
  readonly #device: DeviceId;
  readonly #statuses: StatusStore;

  private constructor(messaging: Messaging, device: DeviceId, store: DesiredStateStore, statuses: StatusStore) {
    this.messaging = messaging;
    this.store = store;
    this.#device = device;
    this.#statuses = statuses;
  }

  static async connect(url: string, device = DEVICE, credentials?: CredentialSource): Promise<Central> {
    const messaging = await connectMessaging({ servers: [url], name: "central", credentials, log: quiet, signal });
    const store = await openDesiredState(messaging, { log: quiet });
    await openInventoryStore(messaging, { log: quiet });
    await ensureToldStreams(messaging, { log: quiet });
    return new Central(messaging, device, store, await openStatusStore(messaging, { log: quiet }));
  }

  /**
   * Makes this the device's manifest, and gives the revision of each Score. Without `removed` it is
   * as an operator of 0.1 writes it.
   */
  async apply(
    wanted: Readonly<Record<string, string | Wanted>>,
    sources: readonly string[] = ["test"],
    removed?: Manifest["removed"],
  ): Promise<Record<string, number>> {
    const revisions: Record<string, number> = {};
    const manifest: Manifest = { sources: [...sources], deployments: {}, ...(removed === undefined ? {} : { removed }) };
    for (const [name, value] of Object.entries(wanted)) {
      const { scoreString, revision, ...of } = typeof value === "string" ? { scoreString: value } : value;
      revisions[name] = revision ?? (await this.putScore(name, scoreString));
      const usual = { generation: 1, uid: `uid-${name}`, source: "test", namespace: "default" };
      manifest.deployments[name] = { ...usual, ...of, revision: revisions[name] };
    }
    const { manifests } = await this.store.observe(signal);
    const expectedRevision = manifests.get(this.#device)?.revision ?? 0;
    const written = await this.store.putManifest({ device: this.#device, manifest, expectedRevision });
    if (!written.ok) throw new Error("the manifest was refused");
    return revisions;
  }

  async putScore(name: string, scoreString: string): Promise<number> {
    const { scores } = await this.store.observe(signal);
    const standing = scores.get(`${this.#device}.${name}`);
    if (standing?.scoreString === scoreString) return standing.revision;
    const written = await this.store.putScore({
      device: this.#device,
      deployment: asDeploymentName(name),
      scoreString,
      expectedRevision: standing?.revision ?? 0,
    });
    if (!written.ok) throw new Error("the Score was refused");
    return written.revision;
  }

  /** Whatever bytes, past all checks. */
  async putRawManifest(text: string): Promise<void> {
    await this.messaging.connection.request(subjects.manifest(this.#device), text);
  }

  async status(): Promise<DeviceStatus | null> {
    const entry = (await this.#statuses.list(signal)).find(({ device }) => device === this.#device);
    return entry?.status.ok === true ? entry.status.value : null;
  }

  async inventory() {
    return (await (await openInventoryStore(this.messaging, { log: quiet })).list(signal)).find(({ device }) => device === this.#device);
  }

  /** Waits until the device's status is so, and gives it. */
  untilStatus(what: string, test: (status: DeviceStatus) => boolean): Promise<DeviceStatus> {
    return eventually(
      async () => {
        const status = await this.status();
        if (status !== null && test(status)) return status;
        throw new Error(`the status is ${JSON.stringify(status)}`);
      },
      { what, timeoutMs: 30_000 },
    );
  }

  async close(): Promise<void> {
    await this.store.close();
    await this.messaging.close();
  }
}
