// A real API server takes the manifests that run NATS in the cluster. (No node runs them here; the
// configuration that they carry is the one that the other suites run.)

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type KubernetesServer, makeTempFolder, run, startKubernetes } from "@iot/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

const IOT = join(import.meta.dirname, "../..");
let kubernetes: KubernetesServer;

beforeAll(async () => {
  kubernetes = await startKubernetes();
  await kubernetes.kubectl(["create", "namespace", "iot-system"]);
});
afterAll(() => kubernetes?.[Symbol.asyncDispose]());

async function taken(folder: string): Promise<string[]> {
  return (await kubernetes.kubectl(["apply", "-k", folder, "--dry-run=server", "-o", "name"])).trim().split("\n").toSorted();
}

const NATS: readonly unknown[] = [
  expect.stringMatching(/^configmap\/nats-config-/),
  "service/nats",
  "service/nats-devices",
  "statefulset.apps/nats",
];

test("kubectl apply -k takes every object", async () => {
  expect(await taken(join(IOT, "deploy/nats"))).toEqual(NATS);
});

test("with identities: the Secrets that one command makes, and what reads them", async () => {
  const made = await makeTempFolder("identities");
  onTestFinished(() => made.remove());
  await run([join(IOT, "scripts/make-identities.sh"), "--host", "central.example", "--folder", made.path]);
  const secrets = ["iot-callout", "iot-enrolment", "iot-operator-nats", "nats", "nats-tls"].map((name) => `secret/${name}`);
  expect(await taken(made.path)).toEqual(["configmap/iot-ca", "configmap/iot-enrolment", ...secrets]);
  const folder = join(IOT, "deploy/identities");
  expect(await taken(folder)).toEqual(
    expect.arrayContaining([...NATS, "deployment.apps/iot-callout", "service/iot-enrolment", "statefulset.apps/iot-enrolment"]),
  );
  const all = await kubernetes.kubectl(["kustomize", folder]);
  expect(all).not.toContain("path: devices.conf");
  const data = await kubernetes.kubectl(["kustomize", made.path]);
  const settings = await readFile(join(IOT, "deploy/nats/nats-identities.conf"), "utf8");
  for (const [variable = ""] of settings.matchAll(/(?<=: \$)NATS_[A-Z_]+/g)) expect(data).toMatch(new RegExp(`^  ${variable}: \\S`, "m"));
});
