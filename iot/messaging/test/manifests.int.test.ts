// A real API server takes the manifests that run NATS in the cluster. (No node runs them here; the
// configuration that they carry is the one that the other suites run.)

import { fileURLToPath } from "node:url";
import { startKubernetes } from "@iot/testkit";
import { expect, test } from "vitest";

test("kubectl apply -k takes every object", async () => {
  await using kubernetes = await startKubernetes();
  await kubernetes.kubectl(["create", "namespace", "iot-system"]);
  const folder = fileURLToPath(new URL("../../deploy/nats", import.meta.url));
  const said = await kubernetes.kubectl(["apply", "-k", folder, "--dry-run=server", "-o", "name"]);
  expect(said.trim().split("\n").toSorted()).toEqual([
    expect.stringMatching(/^configmap\/nats-config-/),
    "service/nats",
    "service/nats-devices",
    "statefulset.apps/nats",
  ]);
});
