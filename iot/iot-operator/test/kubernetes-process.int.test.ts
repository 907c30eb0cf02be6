// The operator's process with a Kubernetes API as its source, started as the mission's
// self-verification starts it and with the rights of its manifest: what kubectl applies stands in
// the bucket, what the devices report stands in the resource.

import { eventually, type NatsServer, type ServerProcess, startNats, startOperatorProcess } from "@iot/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type RunningKubernetes, runKubernetes } from "./running-kubernetes.ts";
import { openBucket, expectScore } from "./running-operator.ts";
import { statusOf } from "./status-of.ts";
import { workload } from "./workload.ts";

const MISSION = `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata:
  name: test-deploy
  namespace: default
spec:
  targetDevices: [test-device-01]
  score:
    type: PodmanV0
    data:
      services:
        - name: hello
          image: nginx:alpine
          ports: ["8080:80"]
  rollout:
    strategy: Immediate
`;
const SCORE = '{"type":"PodmanV0","data":{"services":[{"image":"nginx:alpine","name":"hello","ports":["8080:80"]}]}}';

let kubernetes: RunningKubernetes;
let nats: NatsServer;
let operator: ServerProcess;

beforeAll(async () => {
  [kubernetes, nats] = await Promise.all([runKubernetes(), startNats()]);
  operator = await startOperator();
});
afterAll(async () => {
  await operator?.kill();
  await nats?.stop();
  await kubernetes?.server.stop();
});

async function startOperator(): Promise<ServerProcess> {
  return await startOperatorProcess({ NATS_URL: nats.url, KUBECONFIG: kubernetes.kubeconfig });
}

const ready = (name: string): Promise<string> => kubernetes.ask(name, '{.status.conditions[?(@.type=="Ready")].message}');
const stalled = (name: string): Promise<string> => {
  const condition = '.status.conditions[?(@.type=="Stalled")]';
  return kubernetes.published(name, `{${condition}.status} {${condition}.reason} {${condition}.message}`);
};
const apply = (yaml: string): Promise<string> => kubernetes.apply(yaml);

test("the mission's self-verification: applied, the Score stands under its key and byte for byte in the status", async () => {
  await apply(MISSION);
  const bucket = await openBucket(nats.url);
  await expectScore(bucket, "test-device-01.test-deploy", "PodmanV0");
  expect(await bucket.score("test-device-01.test-deploy")).toBe(SCORE);
  const observed = await kubernetes.published("test-deploy", "{.status.observedScoreString}");
  expect(observed).toBe(await bucket.score("test-device-01.test-deploy"));
  const clusterUid = await kubernetes.server.kubectl(["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]);
  expect(await bucket.manifest("test-device-01")).toMatchObject({
    sources: [`kubernetes:${clusterUid}`],
    deployments: { "test-deploy": { generation: 1, namespace: "default", source: `kubernetes:${clusterUid}` } },
  });
});

test("kubectl get iotdep says what the devices report, within ten seconds of it", async () => {
  await apply(workload("reported", { devices: ["pi-10", "pi-11"], image: "web:1" }));
  const bucket = await openBucket(nats.url);
  await expectScore(bucket, "pi-11.reported", "web:1");
  await eventually(async () => (await kubernetes.ask("reported", "{.status.aggregate.devices}")) === "2");
  for (const device of ["pi-10", "pi-11"]) {
    const entry = (await bucket.manifest(device))?.deployments["reported"];
    const phase = device === "pi-10" ? "Running" : "Failed";
    await bucket.putStatus(statusOf(device, { reported: { revision: entry?.revision ?? 0, phase, source: entry?.source ?? "" } }));
  }
  await eventually(async () => (await kubernetes.ask("reported", "{.status.aggregate.failed}")) === "1", { timeoutMs: 10_000 });
  const table = await kubernetes.server.kubectl(["get", "iotdep", "reported"]);
  const [header = "", row = ""] = table.split("\n").map((line) => line.trim().replaceAll(/\s+/g, " "));
  expect(header).toBe("NAME READY DEVICES RUNNING FAILED TYPE AGE");
  expect(row).toMatch(/^reported False 2 1 1 PodmanV0 \d+s$/);
  const wide = await kubernetes.server.kubectl(["get", "iotdep", "reported", "-o", "wide"]);
  expect(wide).toContain(await ready("reported"));
  expect(JSON.parse(await kubernetes.ask("reported", "{.status.aggregate.failures}"))).toMatchObject([
    { reason: "Failed", devices: 1, examples: ["pi-11"] },
  ]);
  await eventually(
    async () => {
      const events = await kubernetes.server.kubectl(["get", "events", "--field-selector", "involvedObject.name=reported"]);
      return /Warning +DevicesFailed +deployment\/reported +Failed on 1 of 2 \(pi-11\)/.test(events) || Promise.reject(new Error(events));
    },
    { timeoutMs: 10_000 },
  );
});

test("a changed spec is a changed Score; a status that says the same is not written again", async () => {
  await apply(workload("changed", { image: "web:1", devices: ["pi-20"] }));
  const bucket = await openBucket(nats.url);
  await expectScore(bucket, "pi-20.changed", "web:1");
  await apply(workload("changed", { image: "web:2", devices: ["pi-20"] }));
  await expectScore(bucket, "pi-20.changed", "web:2");
  await eventually(async () => (await kubernetes.ask("changed", "{.status.observedScoreString}")).includes("web:2"));
  expect(await kubernetes.ask("changed", "{.status.observedGeneration}")).toBe("2");
  // The report of another Deployment goes on, and this one stays as it was.
  const version = await kubernetes.ask("changed", "{.metadata.resourceVersion}");
  await apply(workload("another", { image: "web:1", devices: ["pi-21"] }));
  await kubernetes.published("another", "{.status.observedScoreString}");
  expect(await kubernetes.ask("changed", "{.metadata.resourceVersion}")).toBe(version);
});

test("a deletion removes the keys, and then the resource goes", async () => {
  await apply(workload("short-lived", { devices: ["pi-30", "pi-31"] }));
  const bucket = await openBucket(nats.url);
  await expectScore(bucket, "pi-31.short-lived", "nginx");
  await kubernetes.server.kubectl(["delete", "iotdep", "short-lived", "--timeout=20s"]);
  expect(await bucket.score("pi-30.short-lived")).toBeNull();
  expect((await bucket.manifest("pi-31"))?.deployments).toEqual({});
});

test("deleted while the operator is away, the keys still go when it is back", async () => {
  await apply(workload("left-behind", { devices: ["pi-35"] }));
  const bucket = await openBucket(nats.url);
  await kubernetes.published("left-behind", "{.status.observedScoreString}");
  await operator.kill();
  await kubernetes.server.kubectl(["delete", "iotdep", "left-behind", "--wait=false"]);
  expect(await kubernetes.ask("left-behind", "{.metadata.finalizers}")).toBe('["iot.nationtech.io/desired-state"]');
  operator = await startOperator();
  await expectScore(bucket, "pi-35.left-behind", null);
  await kubernetes.server.kubectl(["wait", "--for=delete", "iotdep/left-behind", "--timeout=20s"]);
});

test("of two of one name for one device the older keeps it, the younger says who has it", async () => {
  for (const namespace of ["first", "second"]) await kubernetes.server.kubectl(["create", "namespace", namespace]);
  await apply(workload("twice", { namespace: "first", image: "older:1", devices: ["pi-40"] }));
  const bucket = await openBucket(nats.url);
  await expectScore(bucket, "pi-40.twice", "older:1");
  await apply(workload("twice", { namespace: "second", image: "younger:1", devices: ["pi-40"] }));
  expect(await stalled("second/twice")).toMatch(/^True NameConflict .*first\/twice/);
  expect(await bucket.score("pi-40.twice")).toContain("older:1");

  await kubernetes.server.kubectl(["delete", "iotdep", "twice", "-n", "first", "--timeout=20s"]);
  await expectScore(bucket, "pi-40.twice", "younger:1");
  await eventually(async () => (await stalled("second/twice")).startsWith("False"));
});

test("a Score that is too large is reported to its owner, and what ran before stays", async () => {
  await apply(workload("grown", { image: "web:1", devices: ["pi-45"] }));
  const bucket = await openBucket(nats.url);
  await expectScore(bucket, "pi-45.grown", "web:1");
  await apply(workload("grown", { image: "x".repeat(140 * 1024), devices: ["pi-45"] }));
  await eventually(async () => (await stalled("grown")).startsWith("True ScoreTooLarge spec.score has 141 KiB"));
  expect(await kubernetes.ask("grown", "{.status.observedGeneration}")).toBe("2");
  expect(await bucket.score("pi-45.grown")).toContain("web:1");
});

test("two operators of one cluster at once write the same, and come to rest", async () => {
  const second = await startOperator();
  onTestFinished(() => second.kill());
  const bucket = await openBucket(nats.url);
  for (const image of ["web:1", "web:2", "web:3"]) {
    await apply(["a", "b", "c", "d"].map((name) => workload(`both-${name}`, { image, devices: ["pi-60", "pi-61"] })).join("---\n"));
  }
  for (const name of ["a", "b", "c", "d"])
    for (const device of ["pi-60", "pi-61"]) await expectScore(bucket, `${device}.both-${name}`, "web:3");
  await eventually(async () => (await kubernetes.ask("both-d", "{.status.observedScoreString}")).includes("web:3"), { timeoutMs: 20_000 });
  const before = await bucket.lastSequence();
  await apply(workload("both-a", { image: "web:4", devices: ["pi-60"] }));
  await expectScore(bucket, "pi-61.both-a", null);
  await expectScore(bucket, "pi-60.both-a", "web:4");
  await eventually(async () => (await kubernetes.ask("both-a", "{.status.observedScoreString}")).includes("web:4"), { timeoutMs: 20_000 });
  // A Score and two manifests, the Score of the other device removed: nothing was written twice.
  expect((await bucket.lastSequence()) - before).toBe(4);
  await kubernetes.server.kubectl(["delete", "iotdep", "both-a", "both-b", "both-c", "both-d", "--timeout=20s"]);
  expect((await bucket.manifest("pi-61"))?.deployments).toEqual({});
});

test("the API server restarts: nothing is removed meanwhile, and what changes after is followed", async () => {
  await apply(workload("through", { image: "web:1", devices: ["pi-50"] }));
  const bucket = await openBucket(nats.url);
  await expectScore(bucket, "pi-50.through", "web:1");
  await kubernetes.server.down();
  await eventually(() => operator.log().includes("cannot be reached"), { timeoutMs: 20_000 });
  expect(await bucket.score("pi-50.through")).toContain("web:1");
  await kubernetes.server.start();
  await apply(workload("through", { image: "web:2", devices: ["pi-50"] }));
  await expectScore(bucket, "pi-50.through", "web:2");
});
