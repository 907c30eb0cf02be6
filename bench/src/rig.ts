// A device with its agent, and a NATS that it is connected to. Most measurements start from it.

import { type SimulatedDevice, type SimulatedDeviceOptions, startSimulatedDevice } from "@iot/e2e/world/simulated-device";
import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, type DeploymentName, type DeviceId, type Manifest } from "@iot/contracts";
import { connectMessaging, type DesiredStateStore, openDesiredState, openInventoryStore, openStatusStore } from "@iot/messaging";
import { type NatsServer, startNats } from "@iot/testkit";

export interface Rig extends AsyncDisposable {
  readonly device: SimulatedDevice;
  readonly nats: NatsServer;
  readonly store: DesiredStateStore;
  /** Writes the Score and the manifest that names it, as the operator does. null removes. */
  write(deployment: string, scoreString: string | null): Promise<void>;
}

export const SOURCE = "bench";

export async function startRig(options: SimulatedDeviceOptions = {}): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const device = stack.use(await startSimulatedDevice(options));
  const nats = stack.use(await startNats({ host: device.hostAddress }));
  const log = createLog({ name: "bench", level: "warn" });
  const ended = new AbortController();
  stack.defer(() => ended.abort());
  const messaging = await connectMessaging({ servers: [nats.url], name: "bench", log, signal: ended.signal });
  stack.defer(() => messaging.close());
  const store = await openDesiredState(messaging, { log });
  await openStatusStore(messaging, { log });
  await openInventoryStore(messaging, { log });
  await device.startAgent({ natsUrl: nats.url });
  const write = writer(store, asDeviceId(device.id));
  const kept = stack.move();
  return { device, nats, store, write, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Keeps the revisions that compare-and-set needs, as the operator's snapshot does. */
function writer(store: DesiredStateStore, device: DeviceId): Rig["write"] {
  const scoreRevisions = new Map<DeploymentName, number>();
  const manifest: Manifest = { sources: [SOURCE], deployments: {} };
  let manifestRevision = 0;
  let generation = 0;
  const written = (result: { ok: true; revision: number } | { ok: false }): number => {
    if (!result.ok) throw new Error("somebody else writes to the bucket of the bench");
    return result.revision;
  };
  return async (name, scoreString) => {
    const deployment = asDeploymentName(name);
    const expectedRevision = scoreRevisions.get(deployment) ?? 0;
    generation += 1;
    if (scoreString === null) {
      delete manifest.deployments[name];
    } else {
      const revision = written(await store.putScore({ device, deployment, scoreString, expectedRevision }));
      scoreRevisions.set(deployment, revision);
      manifest.deployments[name] = { revision, generation, uid: name, source: SOURCE, namespace: "default" };
    }
    manifestRevision = written(
      await store.putManifest({ device, manifest: structuredClone(manifest), expectedRevision: manifestRevision }),
    );
    if (scoreString === null) scoreRevisions.set(deployment, written(await store.removeScore({ device, deployment, expectedRevision })));
  };
}
