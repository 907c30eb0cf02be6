// What tests of removals in a cluster share: a real API server with what deletes what is in a
// namespace, a store of its own for each test, the operator as a process, and what it did and said.

import { createLog } from "@harmony/runtime";
import { askOperators, openSourceRecords, type SourceRecord } from "@iot/messaging";
import { eventually, type NatsServer, type ServerProcess, startNats, startOperatorProcess } from "@iot/testkit";
import { onTestFinished } from "vitest";
import * as z from "zod/mini";
import { installCrd, type RunningKubernetes, runKubernetes } from "./running-kubernetes.ts";
import { type Bucket, openBucket } from "./running-operator.ts";
import { workload } from "./workload.ts";

export const FINALIZERS_OFF = ["--type=merge", "-p", '{"metadata":{"finalizers":null}}'];

const Readyz = z.looseObject({ ready: z.boolean(), problems: z.array(z.string()) });

export interface RunningProcess {
  readonly process: ServerProcess;
  readyz(): Promise<{ ready: boolean; problems: string[] }>;
  metrics(): Promise<string>;
}

type Removals = SourceRecord["removals"]["document"];
type Answers = ReturnType<typeof askOperators>;

export class RemovalsScene {
  readonly kubernetes: RunningKubernetes;
  #nats: NatsServer | null = null;
  #bucket: Bucket | null = null;
  #operator: RunningProcess | null = null;
  readonly #operators: RunningProcess[] = [];

  private constructor(kubernetes: RunningKubernetes) {
    this.kubernetes = kubernetes;
  }

  static async open(): Promise<RemovalsScene> {
    return new RemovalsScene(await runKubernetes({ controllers: true }));
  }

  async close(): Promise<void> {
    await this.kubernetes.server.stop();
  }

  get bucket(): Bucket {
    return there(this.#bucket);
  }

  /** The one that was started last. */
  get operator(): RunningProcess {
    return there(this.#operator);
  }

  /** A store of its own for each: what was removed in the last ten minutes counts. */
  async begin(kubeconfig = this.kubernetes.kubeconfig): Promise<void> {
    // One that has failed may have left it deleted.
    await installCrd(this.kubernetes.server);
    this.#nats = await startNats();
    this.#bucket = await openBucket(this.#nats.url);
    await this.startOperator(kubeconfig);
    await this.ready();
  }

  async end(): Promise<void> {
    // One that still runs puts its finalizer back.
    await Promise.all(this.#operators.splice(0).map(({ process }) => process.kill()));
    await this.stripAll();
    await this.#nats?.stop();
  }

  kubectl(...args: string[]): Promise<string> {
    return this.kubernetes.server.kubectl(args);
  }

  async startOperator(kubeconfig = this.kubernetes.kubeconfig): Promise<RunningProcess> {
    // Without a CRD it is not ready, and runs.
    const process = await startOperatorProcess({ NATS_URL: there(this.#nats).url, KUBECONFIG: kubeconfig }, "healthz");
    const url = `http://127.0.0.1:${process.port}`;
    onTestFinished(() => process.kill());
    const started: RunningProcess = {
      process,
      readyz: async () => Readyz.parse(await (await fetch(`${url}/readyz`)).json()),
      metrics: async () => await (await fetch(`${url}/metrics`)).text(),
    };
    this.#operator = started;
    this.#operators.push(started);
    return started;
  }

  async ready(): Promise<void> {
    await eventually(async () => (await this.operator.readyz()).ready, { what: "the operator is ready", timeoutMs: 30_000 });
  }

  /** `namespace name` of each Deployment. */
  async objects(): Promise<string[][]> {
    const columns = '{range .items[*]}{.metadata.namespace} {.metadata.name}{"\\n"}{end}';
    const text = await this.kubectl("get", "iotdep", "-A", "--ignore-not-found", "-o", `jsonpath=${columns}`);
    return lines(text).map((line) => line.split(" "));
  }

  /** Does as a person who forces what does not go: the operator does not see it being deleted. */
  async stripAll(): Promise<void> {
    for (const [namespace, objects] of Map.groupBy(await this.objects(), ([of = ""]) => of)) {
      const names = objects.map(([, name = ""]) => name);
      await this.kubectl("patch", "iotdep", ...names, "-n", namespace, ...FINALIZERS_OFF);
      await this.kubectl("delete", "iotdep", ...names, "-n", namespace, "--ignore-not-found");
    }
  }

  async applyAll(names: readonly string[], devices: (name: string) => readonly string[], namespace?: string): Promise<void> {
    const more = namespace === undefined ? {} : { namespace };
    await this.kubernetes.apply(names.map((name) => workload(name, { devices: devices(name), ...more })).join("---\n"));
    await this.stand(names, devices);
  }

  /** Until the manifests name all of them. */
  async stand(names: readonly string[], devices: (name: string) => readonly string[]): Promise<void> {
    await eventually(
      async () => {
        const standing = new Set(await this.entries());
        return names.every((name) => devices(name).every((device) => standing.has(`${device}.${name}`)));
      },
      { what: "all stand", timeoutMs: 30_000 },
    );
  }

  async entries(): Promise<string[]> {
    const { manifests } = await this.bucket.snapshot();
    return [...manifests].flatMap(([device, { manifest }]) =>
      manifest.ok ? Object.keys(manifest.value.deployments).map((name) => `${device}.${name}`) : [],
    );
  }

  /** The revision of each entry: a Score that was written anew has another, and restarts. */
  async revisions(): Promise<Record<string, number>> {
    const { manifests } = await this.bucket.snapshot();
    return Object.fromEntries(
      [...manifests].flatMap(([device, { manifest }]) =>
        manifest.ok
          ? Object.entries(manifest.value.deployments).map(([name, { revision }]): [string, number] => [`${device}.${name}`, revision])
          : [],
      ),
    );
  }

  /** What the operator wrote down of its removals, and of how it follows its source. */
  async record(): Promise<Removals> {
    return (await this.#source())?.removals.document ?? null;
  }

  async state(): Promise<SourceRecord["state"]["document"]> {
    return (await this.#source())?.state.document ?? null;
  }

  async #source(): Promise<SourceRecord | undefined> {
    const records = await openSourceRecords(this.bucket.messaging, { log: createLog({ name: "test", write: () => undefined }) });
    try {
      const [first] = (await records.observe(new AbortController().signal)).values();
      return first;
    } finally {
      await records.close();
    }
  }

  /** Until so many entries are held, or lost; the sentence of /readyz that says so. */
  async named(what: "held" | "lost", count: number): Promise<string> {
    return await eventually(
      async () => {
        const found = (await this.record())?.[what].reduce((sum, { devices }) => sum + devices.length, 0);
        if (found !== count) throw new Error(`${found} are ${what}`);
        return (await this.operator.readyz()).problems.find((problem) => problem.startsWith(`${what}:`));
      },
      { what: `${count} ${what}`, timeoutMs: 20_000 },
    );
  }

  confirm(token: string): Answers {
    return askOperators(this.bucket.messaging, "confirm", { token }, AbortSignal.timeout(10_000));
  }

  keep(request: { readonly name?: string; readonly namespace?: string }): Answers {
    return askOperators(this.bucket.messaging, "keep", request, AbortSignal.timeout(10_000));
  }
}

export const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
export const tokenIn = (sentence: string): string => /iot confirm (\w+)/.exec(sentence)?.[1] ?? "";
export const many = Array.from({ length: 30 }, (_, index) => `d${index}`);
export const ofItsOwn = (name: string): string[] => [`pi-${name}`];

function there<T>(value: T | null): T {
  if (value === null) throw new Error("the scene has not begun");
  return value;
}
