// What kubectl answers to a Deployment that is not right, by the CRD alone: before anything is
// stored, with the path of what is wrong.

import { KubernetesObject } from "@harmony/kube-api";
import { parseJson } from "@harmony/schema";
import { readDeployment } from "../src/sources/kubernetes/read-deployment.ts";
import { workload } from "./workload.ts";
import { type RunningKubernetes, runKubernetes } from "./running-kubernetes.ts";
import { afterAll, beforeAll, expect, test } from "vitest";

let kubernetes: RunningKubernetes;
beforeAll(async () => {
  kubernetes = await runKubernetes();
});
afterAll(() => kubernetes?.server.stop());

const good = workload("hello");
const refused: [what: string, yaml: string, message: RegExp][] = [
  ["a name with a dot", workload("hello.world"), /metadata\.name: Invalid value: .* it must be a DNS label.*without a dot/],
  ["a name of 64 characters", workload("a".repeat(64)), /metadata\.name: Too long: may not be more than 63/],
  ["no target device", workload("hello", { devices: [] }), /spec\.targetDevices: Invalid value: 0: .*should have at least 1 items/],
  ["a device that is no DNS label", workload("hello", { devices: ["pi_1"] }), /spec\.targetDevices\[0\]: Invalid value: "pi_1"/],
  [
    "a strategy that does not exist",
    `${good}  rollout: { strategy: Fast }\n`,
    /spec\.rollout\.strategy: Unsupported value: "Fast": supported values: "Immediate"/,
  ],
  ["an unknown field", `${good}  replicas: 3\n`, /unknown field "spec\.replicas"/],
  ["no Score", good.slice(0, good.indexOf("  score:")), /spec\.score: Required value/],
  ["a Score without data", good.slice(0, good.indexOf("    data:")), /spec\.score\.data: Required value/],
  [
    "a field beside type and data",
    good.replace("    type: PodmanV0", "    type: PodmanV0\n    version: 2"),
    /unknown field "spec\.score\.version"/,
  ],
];

test.each(refused)("%s is refused", async (_what, yaml, message) => {
  await expect(kubernetes.apply(yaml)).rejects.toThrow(message);
});

test("whatever stands in the Score's data is kept as it is, and the strategy has its default", async () => {
  await kubernetes.apply(good.replace("          image:", "          anything: { at: [all, 1, null, true] }\n          image:"));
  expect(JSON.parse(await kubernetes.ask("hello", "{.spec.score.data.services[0].anything}"))).toEqual({ at: ["all", 1, null, true] });
  expect(await kubernetes.ask("hello", "{.spec.rollout.strategy}")).toBe("Immediate");
});

test("a device that is named twice is stored, since the list is one value: the operator refuses it with a sentence", async () => {
  await kubernetes.apply(workload("doubled", { devices: ["pi-1", "pi-1"] }));
  expect(JSON.parse(await kubernetes.ask("doubled", "{.spec.targetDevices}"))).toEqual(["pi-1", "pi-1"]);
  const stored = parseJson(KubernetesObject, await kubernetes.server.kubectl(["get", "iotdep", "doubled", "-o", "json"]));
  const read = stored.ok ? readDeployment(stored.value) : stored.issues;
  expect(read).toMatchObject({
    ok: false,
    refused: { reason: "InvalidSpec", message: 'spec.targetDevices[1]: names a device twice, found "pi-1"; correct it and apply it again' },
  });
});

test("the list of devices belongs to one applier as a whole: another one gets the conflict", async () => {
  const by = (manager: string, device: string): Promise<string> =>
    kubernetes.server.kubectl(["apply", "--server-side", `--field-manager=${manager}`, "-f", "-"], {
      stdin: workload("owned", { devices: [device] }),
    });
  await by("one", "pi-1");
  await expect(by("two", "pi-2")).rejects.toThrow(/conflict with "one".*\.spec\.targetDevices/s);
  expect(JSON.parse(await kubernetes.ask("owned", "{.spec.targetDevices}"))).toEqual(["pi-1"]);
});

test("a type of Score that nobody here knows is stored: the device says whether it knows it", async () => {
  await kubernetes.apply(workload("future").replace("PodmanV0", "OkdApplyV0"));
  expect(await kubernetes.ask("future", "{.spec.score.type}")).toBe("OkdApplyV0");
});
