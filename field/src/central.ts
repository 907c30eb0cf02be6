// Starts the central parts of a run, all real: NATS, a registry, a git repository that notifies the
// operator of each push, and the operator. All devices of the run share them. Each device has two
// deployments of its own, of one service each, whose page names the version.

import { createLog } from "@harmony/runtime";
import type { DeviceStatus } from "@iot/contracts";
import { connectMessaging, openStatusStore } from "@iot/messaging";
import {
  type ImageOptions,
  makeGitRepository,
  makeImage,
  makeTempFolder,
  type Registry,
  startNats,
  startRegistry,
  startOperatorProcess,
} from "@iot/testkit";
import { DEVICE_NETWORK } from "./device-root.ts";

export interface Central {
  /** The addresses as the device sees them. */
  readonly natsUrl: string;
  readonly registryAddress: string;
  readonly registry: Registry;
  /** Gives the reference that goes into a Score. */
  pushImage(options: { readonly version: string; readonly ballastMegabytes?: number }): Promise<string>;
  /** Makes one commit and push, by deployment. Deployments that are not named stay. */
  publish(device: string, workloads: Readonly<Record<string, Omit<Workload, "device" | "name">>>): Promise<void>;
  /** The last status of a device that came after that time, by this machine's clock. */
  status(device: string, sinceMs: number): DeviceStatus | null;
  operatorLog(): string;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CentralOptions {
  /** The architecture of the devices; absent: this machine's. */
  readonly busybox: ImageOptions["busybox"];
  /** The address that the servers listen on. */
  readonly host?: string;
  /** The address at which a device reaches them. */
  readonly seenAt?: string;
}

export async function startCentral({ busybox, host = "127.0.0.1", seenAt = DEVICE_NETWORK.host }: CentralOptions): Promise<Central> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await startNats({ host }));
  const registry = stack.use(await startRegistry({ host }));
  const repository = stack.use(await makeGitRepository());
  await repository.commit({ "README.md": "The workloads of the field run.\n" });
  await repository.push();
  const folder = await makeTempFolder("field-operator");
  stack.defer(() => folder.remove());
  const operator = await startOperatorProcess({
    NATS_URL: nats.url,
    IOT_GIT_URL: repository.url,
    IOT_SOURCE_ID: "git:field",
    TMPDIR: folder.path,
  });
  stack.defer(() => operator.stop());
  const hook = `http://127.0.0.1:${operator.port}/hooks/git`;
  await repository.setHook("post-receive", `#!/bin/sh\ncurl --silent --max-time 2 --output /dev/null --request POST ${hook}\nexit 0\n`);

  const log = createLog({ name: "field", level: "warn" });
  const ended = new AbortController();
  const messaging = await connectMessaging({ servers: [nats.url], name: "field", log, signal: ended.signal });
  stack.defer(() => messaging.close());
  stack.defer(() => ended.abort());
  const statuses = new Map<string, { readonly receivedAtMs: number; readonly status: DeviceStatus }>();
  const store = await openStatusStore(messaging, { log });
  await store.watch(({ device, receivedAtMs, status }) => {
    if (status.ok) statuses.set(device, { receivedAtMs, status: status.value });
  }, ended.signal);

  const registryPort = registry.address.split(":")[1] ?? "";
  const registryAddress = `${seenAt}:${registryPort}`;
  let last: Promise<unknown> = Promise.resolve();
  const kept = stack.move();
  return {
    natsUrl: `nats://${seenAt}:${nats.port}`,
    registryAddress,
    registry,
    pushImage: async ({ version, ballastMegabytes = 0 }) => {
      const name = `hello:${version}`;
      const image = await makeImage({
        reference: `${registryAddress}/${name}`,
        version,
        port: 80,
        ballastMegabytes,
        ...(busybox === undefined ? {} : { busybox }),
      });
      await registry.push(image, name);
      return `${registryAddress}/${name}`;
    },
    // All devices share one work tree, so pushes run one after the other.
    publish: (device, workloads) => {
      const published = last.then(async () => {
        const files = Object.entries(workloads).map(([name, workload]): [string, string] => [
          `${device}/${name}.yaml`,
          yaml({ device, name, ...workload }),
        ]);
        await repository.commit(Object.fromEntries(files));
        await repository.push();
      });
      last = published.catch(() => undefined);
      return published;
    },
    status: (device, sinceMs) => {
      const found = statuses.get(device);
      return found === undefined || found.receivedAtMs < sinceMs ? null : found.status;
    },
    operatorLog: () => operator.log(),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

export interface Workload {
  readonly device: string;
  readonly name: string;
  readonly image: string;
  readonly port: number;
  /** Further fields of its one service. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/**
 * The Deployment, with a volume. Two devices may not have a deployment of one name, so its name
 * carries the device. The text is JSON, which is YAML.
 */
function yaml({ device, name, image, port, more = {} }: Workload): string {
  const service = { name: "page", image, ports: [`${port}:80`], volumes: ["data:/data"], stopTimeoutSeconds: 10, ...more };
  const score = { type: "PodmanV0", data: { services: [service] } };
  return JSON.stringify({
    apiVersion: "iot.nationtech.io/v1alpha1",
    kind: "Deployment",
    metadata: { name },
    spec: { targetDevices: [device], score },
  });
}
