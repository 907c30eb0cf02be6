// The Kubernetes API of the testkit answers, keeps its data over a restart, and holds a service
// account to its rights.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type KubernetesServer, run, startKubernetes } from "../src/index.ts";

let kubernetes: KubernetesServer;
beforeAll(async () => {
  kubernetes = await startKubernetes();
});
afterAll(() => kubernetes?.stop());

test("an object is there again after a restart", async () => {
  await kubernetes.kubectl(["create", "namespace", "kept"]);
  await kubernetes.restart();
  expect(await kubernetes.kubectl(["get", "namespace", "kept", "-o", "name"])).toBe("namespace/kept\n");
});

test("a service account has no rights but those it was given", async () => {
  const namespace = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "accounts" } });
  await kubernetes.kubectl(["apply", "-f", "-"], { stdin: namespace });
  await kubernetes.kubectl(["create", "serviceaccount", "reader", "-n", "accounts"]);
  const kubeconfig = await kubernetes.serviceAccountKubeconfig("accounts", "reader");
  const refused = run([kubernetes.kubectlProgram, "--kubeconfig", kubeconfig, "get", "secrets", "-A"]);
  await expect(refused).rejects.toThrow(/cannot list resource "secrets"/);
});
