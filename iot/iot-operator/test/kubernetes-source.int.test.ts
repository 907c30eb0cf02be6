// The Kubernetes source against a real API server, with the rights of the operator's service
// account: what a reading gives, when a hint comes, what a report leaves in the resource.

import { readFile } from "node:fs/promises";
import { createLog } from "@harmony/runtime";
import { asDeploymentName } from "@iot/contracts";
import { connectKubernetes, loadKubernetesConfig } from "@harmony/kube-api";
import { eventually } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createKubernetesSource } from "../src/sources/kubernetes/kubernetes-source.ts";
import { FINALIZER } from "../src/sources/kubernetes/read-deployment.ts";
import type { CompleteSnapshot, DeploymentResult, Source, SourceDeployment, SourceObject } from "../src/sources/source.ts";
import { CRD, installCrd, type RunningKubernetes, runKubernetes } from "./running-kubernetes.ts";
import { workload } from "./workload.ts";

let kubernetes: RunningKubernetes;
let abort: AbortController;
let source: Source;
let hints: number;

beforeAll(async () => {
  kubernetes = await runKubernetes({ crd: false });
});
afterAll(() => kubernetes?.server.stop());
beforeEach(async () => {
  abort = new AbortController();
  hints = 0;
  const log = createLog({ name: "test", write: () => undefined });
  source = await createKubernetesSource({
    log,
    signal: abort.signal,
    connection: connectKubernetes(loadKubernetesConfig(kubernetes.kubeconfig), "test"),
  });
  void source.watch(() => (hints += 1), abort.signal);
});
afterEach(() => abort.abort());

async function readAll(): Promise<CompleteSnapshot> {
  const snapshot = await source.read(abort.signal, null);
  if (snapshot.kind === "unreadable") throw new Error(snapshot.message);
  return snapshot;
}

async function claimAll(): Promise<void> {
  const { deployments } = await readAll();
  const claims = deployments.map((object) => ({ kind: "claim" as const, object }));
  expect(await source.carryOut(claims, abort.signal)).toEqual(new Map());
}

function resultFor(object: SourceObject, generation: number, message = "1 of 1 runs it"): DeploymentResult {
  return {
    uid: object.uid,
    namespace: object.namespace,
    name: object.name,
    generation,
    scoreString: '{"type":"PodmanV0","data":{}}',
    conditions: {
      Ready: { status: "True", reason: "Running", message },
      Reconciling: { status: "False", reason: "Settled", message: "" },
      Stalled: { status: "False", reason: "Settled", message: "" },
    },
    aggregate: { devices: 1, running: 1, pending: 0, failed: 0, offline: 0, failures: [] },
  };
}

// First, while the cluster has no CRD yet.
test("without the CRD it is unreadable and says what to apply; once applied a hint comes", async () => {
  expect(await source.read(abort.signal, null)).toEqual({
    kind: "unreadable",
    reason: "CrdMissing",
    message: "the cluster does not know deployments.iot.nationtech.io: make the definition known (`kubectl apply -f iot/deploy/crd.yaml`)",
  });
  await installCrd(kubernetes.server);
  await eventually(async () => (await source.read(abort.signal, null)).kind === "complete", { timeoutMs: 20_000 });
  await eventually(() => hints > 0, { timeoutMs: 20_000 });
});

test("a Deployment is read with its canonical Score; a reading changes nothing, and it carries our finalizer once it is claimed", async () => {
  await kubernetes.apply(workload("read", { devices: ["pi-1", "pi-2"] }));
  const { deployments, version } = await readAll();
  expect(deployments).toMatchObject([
    {
      namespace: "default",
      name: "read",
      generation: 1,
      targetDevices: ["pi-1", "pi-2"],
      scoreString: '{"type":"PodmanV0","data":{"services":[{"image":"docker.io/library/nginx:1","name":"web"}]}}',
    },
  ]);
  expect(deployments[0]?.createdAt).toMatch(/^\d{4}-.*Z$/);
  expect(version).toMatch(/^\d+$/);
  expect(deployments[0]?.isClaimed).toBe(false);
  expect(await kubernetes.ask("read", "{.metadata.finalizers}")).toBe("");
  await claimAll();
  expect(await kubernetes.ask("read", "{.metadata.finalizers}")).toBe(`["${FINALIZER}"]`);
  expect((await readAll()).deployments[0]?.isClaimed).toBe(true);
});

test("what the watch has heard is as good as a reading, until the object is another or goes", async () => {
  await kubernetes.apply(workload("heard"));
  await claimAll();
  const recalled = async (image: string): Promise<SourceDeployment> =>
    eventually(() => {
      const found = source.recall?.()?.deployments.find(({ name, scoreString }) => name === "heard" && scoreString.includes(image));
      return found ?? Promise.reject(new Error("it was not heard of"));
    });
  const first = await recalled("nginx:1");
  expect((await readAll()).deployments).toContainEqual(first);
  expect(await source.isStill?.([first], abort.signal)).toBe(true);

  await kubernetes.apply(workload("heard", { image: "web:2" }));
  expect(await source.isStill?.([first], abort.signal)).toBe(false);
  const second = await recalled("web:2");
  expect(await source.isStill?.([second], abort.signal)).toBe(true);
  expect(
    await source.isStill?.(
      Array.from({ length: 17 }, () => second),
      abort.signal,
    ),
  ).toBe(false);

  await kubernetes.server.kubectl(["delete", "iotdep", "heard", "--wait=false"]);
  expect(await source.isStill?.([second], abort.signal)).toBe(false);
  await eventually(() => source.recall?.() === null, { what: "what goes is judged by a reading" });
  const { deleting } = await readAll();
  expect(
    await source.carryOut(
      deleting.map((object) => ({ kind: "release" as const, object })),
      abort.signal,
    ),
  ).toEqual(new Map());
  expect(await source.isStill?.([second], abort.signal)).toBe(false);
});

test("a change of the spec is a hint; our own finalizer and status are none", async () => {
  await kubernetes.apply(workload("hinted"));
  await eventually(() => hints > 0);
  const hinted = (await readAll()).deployments.find(({ name }) => name === "hinted");
  if (hinted === undefined) throw new Error("it was not read");
  await eventually(async () => {
    await source.report([resultFor(hinted, 1)], abort.signal);
    return await kubernetes.ask("hinted", "{.status.observedGeneration}").then((generation) => generation === "1");
  });
  const before = hints;
  await kubernetes.apply(workload("hinted", { image: "web:2" }));
  await eventually(() => hints > before);
  expect(hints).toBe(before + 1);
});

test("a status is written once: what says the same leaves the version, and lastTransitionTime moves only with the status", async () => {
  await kubernetes.apply(workload("reported"));
  const found = (await readAll()).deployments.find(({ name }) => name === "reported");
  if (found === undefined) throw new Error("it was not read");
  const report = (message?: string): Promise<void> => source.report([resultFor(found, 1, message)], abort.signal);
  await eventually(async () => {
    await report();
    return await kubernetes.ask("reported", "{.status.observedScoreString}").then((text) => text !== "");
  });
  expect(await kubernetes.ask("reported", "{.status.observedScoreString}")).toBe('{"type":"PodmanV0","data":{}}');
  const version = await kubernetes.ask("reported", "{.metadata.resourceVersion}");
  const since = await kubernetes.ask("reported", '{.status.conditions[?(@.type=="Ready")].lastTransitionTime}');
  await report();
  expect(await kubernetes.ask("reported", "{.metadata.resourceVersion}")).toBe(version);
  // Somebody's annotation makes what the source last saw an old state.
  await kubernetes.server.kubectl(["annotate", "iotdep", "reported", "note=1"]);
  await report("1 of 1 runs it, in other words");
  expect(await kubernetes.ask("reported", '{.status.conditions[?(@.type=="Ready")].message}')).toBe("1 of 1 runs it, in other words");
  expect(await kubernetes.ask("reported", '{.status.conditions[?(@.type=="Ready")].lastTransitionTime}')).toBe(since);
});

test("a Score of more than 128 KiB is refused with a sentence, and still has a status", async () => {
  await kubernetes.apply(workload("large", { image: "x".repeat(140 * 1024) }));
  const { refused } = await readAll();
  const large = refused.find(({ name }) => name === "large");
  if (large === undefined) throw new Error("it was not refused");
  expect(large.reason).toBe("ScoreTooLarge");
  expect(large.message).toMatch(/^spec\.score has 141 KiB as JSON, more than the 128 KiB/);
  await eventually(async () => {
    await source.report([resultFor(large, 1)], abort.signal);
    return await kubernetes.ask("large", "{.status.observedGeneration}").then((generation) => generation === "1");
  });
});

test("what an older CRD let in is refused with a sentence each, and nothing else suffers", async () => {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const lax = JSON.stringify([{ op: "replace", path: "/spec/versions/0/schema", value: schema }]);
  await kubernetes.server.kubectl(["patch", "crd", "deployments.iot.nationtech.io", "--type=json", "-p", lax]);
  const bad = `${workload("bad", { devices: ["pi-1", "pi-1"] })}  rollout: { strategy: Fast }\n`;
  await eventually(async () => await kubernetes.apply(bad).then(() => true));
  await kubernetes.apply(workload("hello.world"));
  await kubernetes.apply(await readFile(CRD, "utf8"));
  const { refused, deployments } = await readAll();
  expect(deployments.map(({ name }) => name)).toContain(asDeploymentName("read"));
  expect(refused.find(({ name }) => name === "bad")).toMatchObject({
    reason: "InvalidSpec",
    message:
      'spec.targetDevices[1]: names a device twice, found "pi-1"; spec.rollout.strategy: expected "Immediate", found "Fast"; correct it and apply it again',
  });
  const dotted = refused.find(({ name }) => name === "hello.world");
  expect(dotted?.reason).toBe("InvalidName");
  expect(dotted?.message).toMatch(/^metadata\.name "hello\.world" has a dot: .* must be a DNS label/);
});

test("one that is being deleted is reported as such, until its finalizer is taken", async () => {
  await kubernetes.apply(workload("deleted"));
  await claimAll();
  await kubernetes.server.kubectl(["delete", "iotdep", "deleted", "--wait=false"]);
  const { deleting, deployments, evidence } = await readAll();
  expect(deployments.map(({ name }) => String(name))).not.toContain("deleted");
  // Kubernetes counts the deletion as a change.
  expect(deleting).toMatchObject([{ namespace: "default", name: "deleted", generation: 2, isClaimed: true }]);
  expect(evidence).toEqual({ kind: "kubernetes", crd: "present", namespaces: new Map([["default", "present"]]) });
  const [object] = deleting;
  if (object === undefined) throw new Error("it was not read");
  await source.carryOut([{ kind: "release", object }], abort.signal);
  expect((await readAll()).deleting).toEqual([]);
});

test("rights that were taken away are named, with what gives them", async () => {
  await kubernetes.server.kubectl(["delete", "clusterrolebinding", "iot-operator"]);
  const unreadable = await eventually(async () => {
    const snapshot = await source.read(abort.signal, null);
    return snapshot.kind === "unreadable" && snapshot;
  });
  expect(unreadable.reason).toBe("Forbidden");
  expect(unreadable.message).toContain("kubectl apply -f iot/deploy/operator.yaml");
});
