// Files that go, with Argo CD before the operator: what it shows of a removal that is held, how one
// comes back, and that its own confirmation comes before the operator's rules.

import { eventually } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deploymentYaml } from "../world/workload.ts";
import { type Platform, startPlatform } from "./platform.ts";

const WAIT = { timeoutMs: 60_000 };
const IN = ["--namespace", "iot-demo"];
const NAMES = ["a", "b", "c", "d"];

const stack = new AsyncDisposableStack();
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform(stack);
});
afterAll(() => stack.disposeAsync());

const kubectl = (...args: string[]): Promise<string> => platform.kubernetes.kubectl(args);
const names = async (): Promise<string> => await kubectl("get", "iotdep", ...IN, "-o", "jsonpath={.items[*].metadata.name}");
const application = (path: string): Promise<string> =>
  kubectl("get", "applications.argoproj.io", "iot-workloads", "--namespace", platform.argoCd.namespace, "-o", `jsonpath={.status.${path}}`);

function fileOf(name: string, metadata = ""): string {
  const yaml = deploymentYaml({ device: `pi-${name}`, image: "registry.invalid/web:1", port: 80 });
  return yaml.replace("name: hello-world", `name: ${name}${metadata}`);
}

/** By name, the uid; a Deployment that was made anew has another. */
async function uid(name: string): Promise<string> {
  return await kubectl("get", "iotdep", name, ...IN, "--ignore-not-found", "-o", "jsonpath={.metadata.uid}");
}

test("all files gone: Argo CD has pruned them and they stand, Pending deletion; the reason is on the object", async () => {
  await platform.push(Object.fromEntries(NAMES.map((name) => [`${name}.yaml`, fileOf(name)])));
  const taken = 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].reason}';
  await eventually(async () => (await kubectl("get", "iotdep", ...IN, "-o", taken)).split(" ").length === NAMES.length, WAIT);
  await platform.push(Object.fromEntries(NAMES.map((name) => [`${name}.yaml`, null])));
  await eventually(async () => (await kubectl("get", "iotdep", "a", ...IN, "-o", "yaml")).includes("RemovalHeld"), WAIT);
  await platform.application.refresh();
  await eventually(async () => (await application("resources[*].health.message")).includes("Pending deletion"), WAIT);
  expect(await names()).toBe(NAMES.join(" "));
  expect(await platform.application.sync()).toBe("OutOfSync");
  expect(await platform.application.health()).toBe("Progressing");
  expect(await kubectl("describe", "iotdep", "a", ...IN)).toMatch(/Warning\s+RemovalHeld/);
});

test("one is confirmed and goes; one is put back and kept, and is made anew; the Application is Synced", async () => {
  const before = await uid("a");
  await platform.push({ "a.yaml": fileOf("a") });
  await eventually(async () => (await application('resources[?(@.name=="a")].status')) === "Synced", WAIT);
  expect(await uid("a")).toBe(before);
  const held = 'jsonpath={.status.conditions[?(@.type=="Ready")].message}';
  const token = /confirm-removal=(\w+)/.exec(await kubectl("get", "iotdep", "b", ...IN, "-o", held))?.[1] ?? "";
  await kubectl("annotate", "iotdep", "b", ...IN, `iot.nationtech.io/confirm-removal=${token}`);
  await kubectl("annotate", "iotdep", "a", "c", "d", ...IN, "iot.nationtech.io/keep-on-devices=true");
  await eventually(async () => !["", before].includes(await uid("a")), { what: "a is made anew", ...WAIT });
  await eventually(async () => (await names()) === "a" && (await platform.application.sync()) === "Synced", WAIT);
});

test("Prune=confirm: the Deployment stands until Argo CD gets the word", async () => {
  await platform.push({ "e.yaml": fileOf("e", "\n  annotations: { argocd.argoproj.io/sync-options: Prune=confirm }") });
  await eventually(async () => (await names()) === "a e", WAIT);
  await platform.push({ "e.yaml": null });
  await eventually(async () => (await application("operationState.message")).startsWith("waiting for pruning confirmation of"), WAIT);
  expect(await kubectl("get", "iotdep", "e", ...IN, "-o", "jsonpath={.metadata.deletionTimestamp}")).toBe("");
  const approved = `argocd.argoproj.io/deletion-approved=${new Date().toISOString()}`;
  await kubectl("annotate", "applications.argoproj.io", "iot-workloads", "--namespace", platform.argoCd.namespace, approved);
  await eventually(async () => (await names()) === "a", WAIT);
});
