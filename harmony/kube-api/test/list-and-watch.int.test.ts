// List-and-watch against a real API server holds what kubectl shows, whatever happens to the
// connection meanwhile.

import { readFile } from "node:fs/promises";
import { createLog } from "@harmony/runtime";
import { eventually, type KubernetesServer, type Relay, startKubernetes, startRelay } from "@iot/testkit";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { connectKubernetes, type KubernetesConnection, listAndWatch, type ListAndWatchOptions, type ResourceStore } from "../src/index.ts";

const CONFIG_MAPS = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const VALVES = { group: "test.example", version: "v1", kind: "Valve", plural: "valves" };
let kubernetes: KubernetesServer;
let relay: Relay;
let connection: KubernetesConnection;
let abort: AbortController;
let lines: string[];
/** The requests to the server: "list", "watch from 123". */
let asked: string[];

beforeAll(async () => {
  kubernetes = await startKubernetes();
  relay = await startRelay({ target: { port: Number(new URL(kubernetes.url).port) } });
});
afterAll(async () => {
  await relay?.stop();
  await kubernetes?.stop();
});
beforeEach(async () => {
  abort = new AbortController();
  lines = [];
  asked = [];
  connection = connectKubernetes(await configThroughRelay(kubernetes.kubeconfig), "test");
});
afterEach(() => {
  abort.abort();
  connection.close();
});

async function configThroughRelay(kubeconfig: string): Promise<KubeConfig> {
  const config = new KubeConfig();
  config.loadFromString((await readFile(kubeconfig, "utf8")).replaceAll(kubernetes.url, `https://127.0.0.1:${relay.port}`));
  return config;
}

/**
 * The real connection, which records each request, and makes the first watch start from
 * `firstWatchFrom` instead.
 */
function noting(from: KubernetesConnection, firstWatchFrom?: string): KubernetesConnection {
  let forged = firstWatchFrom;
  return {
    ...from,
    request: (request) => {
      asked.push("list");
      return from.request(request);
    },
    stream: (request) => {
      const resourceVersion = forged ?? request.query?.["resourceVersion"] ?? "";
      forged = undefined;
      asked.push(`watch from ${resourceVersion}`);
      return from.stream({ ...request, query: { ...request.query, resourceVersion } });
    },
  };
}

function follow(options: Partial<ListAndWatchOptions> = {}): ResourceStore {
  const log = createLog({ name: "test", level: "debug", format: "text", write: (line) => lines.push(line) });
  return listAndWatch({
    connection: noting(connection),
    type: CONFIG_MAPS,
    log,
    signal: abort.signal,
    onChange: () => undefined,
    ...options,
  });
}

const names = (store: ResourceStore): string[] =>
  [...store.objects().values()].map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).toSorted();

async function kubectlNames(): Promise<string[]> {
  const path = "{range .items[*]}{.metadata.namespace}/{.metadata.name}{'\\n'}{end}";
  const text = await kubernetes.kubectl(["get", "configmaps", "-A", "-o", `jsonpath=${path}`]);
  return text.split("\n").filter(Boolean).toSorted();
}

async function inStep(store: ResourceStore): Promise<void> {
  const expected = await kubectlNames();
  await eventually(() => names(store).join() === expected.join() || Promise.reject(new Error(names(store).join())), { timeoutMs: 20_000 });
}

async function create(name: string): Promise<void> {
  await kubernetes.kubectl(["create", "configmap", name, "--from-literal=a=1"]);
}

test("holds all objects of a list in pages, then what is added, changed and deleted", async () => {
  for (const name of ["paged-1", "paged-2", "paged-3", "paged-4", "paged-5"]) await create(name);
  const changes: string[] = [];
  const store = follow({
    pageSize: 2,
    onChange: ({ previous, current }) => {
      const name = (current ?? previous)?.metadata.name ?? "";
      if (name.startsWith("paged")) changes.push(`${name} ${previous === null ? "added" : current === null ? "deleted" : "changed"}`);
    },
  });
  await store.started(abort.signal);
  expect(names(store)).toEqual(await kubectlNames());
  expect(asked.filter((what) => what === "list").length).toBeGreaterThan(2);
  changes.length = 0;

  await create("paged-6");
  await kubernetes.kubectl(["patch", "configmap", "paged-1", "-p", '{"data":{"a":"2"}}']);
  await kubernetes.kubectl(["delete", "configmap", "paged-2"]);
  await inStep(store);
  expect(changes).toEqual(["paged-6 added", "paged-1 changed", "paged-2 deleted"]);
});

test("a watch that the server ends is resumed where it was, without a new list", async () => {
  const store = follow({ watchSeconds: 1 });
  await store.started(abort.signal);
  await eventually(() => asked.filter((what) => what.startsWith("watch")).length >= 3);
  await create("after-the-end");
  await inStep(store);
  expect(asked.filter((what) => what === "list")).toHaveLength(1);
  expect(store.state().kind).toBe("complete");
});

test("connections that are cut are made again, and the watch goes on from where it was", async () => {
  const store = follow();
  await store.started(abort.signal);
  await eventually(() => asked.some((what) => what.startsWith("watch")));
  await create("before-the-cut");
  await inStep(store);
  relay.cut();
  await create("after-the-cut");
  await inStep(store);
  expect(asked.filter((what) => what === "list")).toHaveLength(1);
});

test("a watch that is silent for too long is given up: its connection may be open and dead", async () => {
  const store = follow({ silenceMs: 1_500 });
  await store.started(abort.signal);
  await eventually(() => asked.some((what) => what.startsWith("watch")));
  await create("before-the-silence");
  await inStep(store);
  const watches = asked.filter((what) => what.startsWith("watch")).length;
  relay.freeze();
  onTestFinished(() => relay.resume());
  await eventually(() => asked.filter((what) => what.startsWith("watch")).length > watches);
  relay.resume();
  await create("after-the-silence");
  await inStep(store);
});

test("a version that the server no longer has (410) begins with a new list", async () => {
  // The server's cache begins with the state at its start.
  await create("before-410");
  await kubernetes.restart();
  const store = follow({ connection: noting(connection, "1") });
  await eventually(() => asked.filter((what) => what === "list").length === 2);
  await create("after-410");
  await inStep(store);
  expect(store.state().kind).toBe("complete");
  expect(lines.join("")).toContain("the watch is too old, listing again");
});

test("while the API server is away the store says why and keeps what it had; then it follows again", async () => {
  const store = follow();
  await store.started(abort.signal);
  const before = names(store);
  await kubernetes.down();
  const state = await eventually(() => {
    const now = store.state();
    return now.kind === "unreadable" && now;
  });
  expect(state.error.message).toMatch(/^failed to (watch|list) configmaps: https:\/\/127\.0\.0\.1:\d+ cannot be reached$/);
  expect(state.error).toMatchObject({ code: "Unreachable", retry: "backoff" });
  expect(names(store)).toEqual(before);

  await kubernetes.start();
  await create("after-the-restart");
  await inStep(store);
  expect(store.state().kind).toBe("complete");
  expect(lines.filter((line) => line.includes("failed to follow"))).toHaveLength(1);
  expect(lines.filter((line) => line.includes("following a Kubernetes resource again"))).toHaveLength(1);
});

test("a type that the server does not know is asked for until it does", async () => {
  const store = follow({ type: VALVES, backoff: { baseMs: 50, maxMs: 200 } });
  await store.started(abort.signal);
  expect(store.state()).toMatchObject({ kind: "unreadable", error: { code: "NotFound" } });
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const crd = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "valves.test.example" },
    spec: {
      group: "test.example",
      scope: "Namespaced",
      names: { kind: "Valve", plural: "valves" },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
  await kubernetes.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(crd) });
  await eventually(() => store.state().kind === "complete");
});

test("rights that are missing are said, and enough once granted", async () => {
  await kubernetes.kubectl(["create", "serviceaccount", "follower"]);
  const mine = connectKubernetes(await configThroughRelay(await kubernetes.serviceAccountKubeconfig("default", "follower")), "test");
  const store = follow({ connection: mine, backoff: { baseMs: 50, maxMs: 200 } });
  await store.started(abort.signal);
  const state = store.state();
  expect(state.kind === "unreadable" && state.error.message).toMatch(
    /^failed to list configmaps: .* 403 Forbidden: configmaps is forbidden: .*default:follower/,
  );
  await kubernetes.kubectl(["create", "clusterrole", "follower", "--verb=list,watch", "--resource=configmaps"]);
  await kubernetes.kubectl(["create", "clusterrolebinding", "follower", "--clusterrole=follower", "--serviceaccount=default:follower"]);
  await eventually(() => store.state().kind === "complete");
  abort.abort();
  mine.close();
});

test("requests share kept connections", async () => {
  for (let i = 0; i < 20; i += 1)
    await connection.request({ method: "GET", path: "/version", what: "read the version", signal: abort.signal });
  expect(relay.connections()).toBe(1);
});
