// Uninstalling, in the order of docs/removal.md, from a real API server: what goes with the
// Deployments, what the devices keep when only the platform goes, and what waits for a person.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { askOperators } from "@iot/messaging";
import { eventually, type NatsServer, type ServerProcess, startNats, startOperatorProcess } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { CRD, installCrd, OPERATOR, type RunningKubernetes, runKubernetes } from "./running-kubernetes.ts";
import { type Bucket, openBucket } from "./running-operator.ts";
import { workload } from "./workload.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
const NAMES = Array.from({ length: 12 }, (_, index) => `d${index}`);

let kubernetes: RunningKubernetes;
let nats: NatsServer;
let bucket: Bucket;
let operator: ServerProcess;

beforeAll(async () => {
  kubernetes = await runKubernetes();
});
afterAll(() => kubernetes?.server.stop());
// Each test uninstalls.
beforeEach(async () => {
  await installCrd(kubernetes.server);
  await kubectl("apply", "-f", OPERATOR);
  const kubeconfig = await kubernetes.server.serviceAccountKubeconfig("iot-system", "iot-operator");
  nats = await startNats();
  bucket = await openBucket(nats.url);
  operator = await startOperatorProcess({ NATS_URL: nats.url, KUBECONFIG: kubeconfig });
  const ended = operator;
  onTestFinished(() => ended.kill());
  await kubernetes.apply(NAMES.map((name) => workload(name, { devices: [`pi-${name}`] })).join("---\n"));
  await eventually(async () => (await standing()).length === NAMES.length, { what: "all stand", timeoutMs: 30_000 });
});
afterEach(() => nats.stop());

const kubectl = (...args: string[]): Promise<string> => kubernetes.server.kubectl(args);
const objects = async (): Promise<number> => (await kubectl("get", "iotdep", "-A", "-o", "name")).split("\n").filter(Boolean).length;
const ask = (verb: "confirm" | "keep", request: { token?: string; namespace?: string }) =>
  askOperators(bucket.messaging, verb, request, AbortSignal.timeout(10_000));

/** What the devices are to run, with the revisions that they would restart for. */
async function standing(): Promise<string[]> {
  const { manifests } = await bucket.snapshot();
  return [...manifests]
    .flatMap(([device, { manifest }]) =>
      manifest.ok ? Object.entries(manifest.value.deployments).map(([name, { revision }]) => `${device}.${name}@${revision}`) : [],
    )
    .toSorted();
}

/** What is to be typed to let go what is held: of this Deployment, and of all. */
async function tokens(name: string): Promise<{ own: string; all: string }> {
  const message = await kubernetes.published(name, '{.status.conditions[?(@.reason=="RemovalHeld")].message}');
  const [own = "", all = ""] = [...message.matchAll(/iot confirm (\w+)/g)].map(([, token]) => token ?? "");
  return { own, all };
}

const crdIsGone = (): Promise<string> => kubectl("wait", "--for=delete", "crd/deployments.iot.nationtech.io", "--timeout=60s");

test("uninstalled in order, with the Deployments: nothing is left of them", async () => {
  await kubectl("delete", "iotdep", "--all", "-A", "--wait=false");
  expect(await ask("confirm", { token: (await tokens("d3")).all })).toMatchObject([{ done: true }]);
  await kubectl("wait", "--for=delete", "iotdep", "--all", "-A", "--timeout=30s");
  expect(await standing()).toEqual([]);
  await kubectl("delete", "-f", CRD);
  await operator.stop();
  await kubectl("delete", "-f", OPERATOR);
  expect(await kubectl("get", "crd,clusterrole,clusterrolebinding", "-o", "name")).not.toMatch(/iot/);
});

test("uninstalled without deleting the Deployments: the devices keep all of them", async () => {
  const before = await standing();
  await kubectl("delete", "-f", CRD);
  await crdIsGone();
  expect(await standing()).toEqual(before);
  await kubectl("delete", "-f", OPERATOR);
  await operator.stop();
  expect(await standing()).toEqual(before);
});

test("the definition waits for removals that are held, until a person says", async () => {
  await kubectl("delete", "iotdep", "--all", "-A", "--wait=false");
  const { own } = await tokens("d3");
  await kubectl("delete", "-f", CRD, "--wait=false");
  expect(await ask("confirm", { token: own })).toMatchObject([{ done: true }]);
  await kubectl("wait", "--for=delete", "iotdep/d3", "--timeout=30s");
  expect(await objects()).toBe(11);
  expect(await ask("keep", { namespace: "default" })).toMatchObject([{ done: true }]);
  await crdIsGone();
  const left = await standing();
  expect(left).toHaveLength(11);
  expect(left.join()).not.toContain("pi-d3.d3@");
});

test("operator.yaml holds no data, and the volume of NATS is the namespace's", async () => {
  const read = (file: string): Promise<string> => readFile(`${DEPLOY}${file}`, "utf8");
  const kinds = (text: string): string[] => [...text.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind ?? "");
  expect(kinds(await read("operator.yaml"))).toEqual(["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment"]);
  const kustomized = await kubectl("kustomize", `${DEPLOY}nats`);
  expect(kinds(kustomized)).not.toContain("Namespace");
  // Kubernetes keeps what such a template made when its StatefulSet is deleted.
  expect(kustomized).toMatch(/^ {2}volumeClaimTemplates:$/m);
  expect(kustomized).not.toContain("persistentVolumeClaimRetentionPolicy");
  expect(kustomized.match(/^ {2}namespace: (.*)$/gm)).toEqual(
    Array.from({ length: kinds(kustomized).length }, () => "  namespace: iot-system"),
  );
  expect(await read("namespace.yaml")).toMatch(/^kind: Namespace\nmetadata:\n {2}name: iot-system$/m);
});
