// Removals from a real Kubernetes API to a real bucket, with the operator as a process: what goes
// at once, what is held until a person says, and what was never deleted and so stays.

import { fileURLToPath } from "node:url";
import { askOperators, openSourceRecords, type SourceRecord } from "@iot/messaging";
import { createLog } from "@harmony/runtime";
import { eventually, freePort, type NatsServer, type ServerProcess, startNats, startServerProcess } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import * as z from "zod/mini";
import { CRD, installCrd, type RunningKubernetes, runKubernetes } from "./running-kubernetes.ts";
import { type Bucket, openBucket, expectScore } from "./running-operator.ts";
import { workload } from "./workload.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const FINALIZERS_OFF = ["--type=merge", "-p", '{"metadata":{"finalizers":null}}'];

const Readyz = z.looseObject({ ready: z.boolean(), problems: z.array(z.string()) });

interface RunningProcess {
  readonly process: ServerProcess;
  readyz(): Promise<{ ready: boolean; problems: string[] }>;
}

let kubernetes: RunningKubernetes;
let nats: NatsServer;
let bucket: Bucket;
let operator: RunningProcess;

beforeAll(async () => {
  kubernetes = await runKubernetes();
});
afterAll(() => kubernetes?.server.stop());
// A store of its own for each: what was removed in the last ten minutes counts.
beforeEach(async () => {
  // One that has failed may have left it deleted.
  await installCrd(kubernetes.server);
  nats = await startNats();
  bucket = await openBucket(nats.url);
  operator = await startOperator();
});
afterEach(async () => {
  await operator.process.kill();
  const names = await kubectl(
    "get",
    "iotdep",
    "-A",
    "--ignore-not-found",
    "-o",
    'jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{"\\n"}{end}',
  );
  for (const [namespace = "", name = ""] of lines(names).map((line) => line.split(" "))) {
    await kubectl("patch", "iotdep", name, "-n", namespace, ...FINALIZERS_OFF);
    await kubectl("delete", "iotdep", name, "-n", namespace, "--ignore-not-found");
  }
  await nats.stop();
});

const kubectl = (...args: string[]): Promise<string> => kubernetes.server.kubectl(args);
const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

async function startOperator(): Promise<RunningProcess> {
  const port = await freePort();
  const process = await startServerProcess({
    name: "iot-operator",
    argv: [globalThis.process.execPath, MAIN],
    env: { NATS_URL: nats.url, KUBECONFIG: kubernetes.kubeconfig, IOT_HTTP_PORT: String(port) },
    ready: async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok,
  });
  onTestFinished(() => process.kill());
  const readyz: RunningProcess["readyz"] = async () => Readyz.parse(await (await fetch(`http://127.0.0.1:${port}/readyz`)).json());
  return { process, readyz };
}

async function applyAll(names: readonly string[], devices: (name: string) => readonly string[], namespace?: string): Promise<void> {
  const more = namespace === undefined ? {} : { namespace };
  await kubernetes.apply(names.map((name) => workload(name, { devices: devices(name), ...more })).join("---\n"));
  await stand(names, devices);
}

/** Until the manifests name all of them. */
async function stand(names: readonly string[], devices: (name: string) => readonly string[]): Promise<void> {
  await eventually(
    async () => {
      const { manifests } = await bucket.snapshot();
      return names.every((name) =>
        devices(name).every((device) =>
          [...manifests].some(([id, { manifest }]) => id === device && manifest.ok && Object.hasOwn(manifest.value.deployments, name)),
        ),
      );
    },
    { what: "all stand", timeoutMs: 30_000 },
  );
}

async function entries(): Promise<string[]> {
  const { manifests } = await bucket.snapshot();
  return [...manifests].flatMap(([device, { manifest }]) =>
    manifest.ok ? Object.keys(manifest.value.deployments).map((name) => `${device}.${name}`) : [],
  );
}

async function record(): Promise<SourceRecord["removals"]["document"]> {
  const records = await openSourceRecords(bucket.messaging, { log: createLog({ name: "test", write: () => undefined }) });
  try {
    const [first] = (await records.observe(new AbortController().signal)).values();
    return first?.removals.document ?? null;
  } finally {
    await records.close();
  }
}

/** Until so many entries are held, or lost; the sentence of /readyz that says so. */
async function named(what: "held" | "lost", count: number): Promise<string> {
  return await eventually(
    async () => {
      const found = (await record())?.[what].reduce((sum, { devices }) => sum + devices.length, 0);
      if (found !== count) throw new Error(`${found} are ${what}`);
      return (await operator.readyz()).problems.find((problem) => problem.startsWith(`${what}:`));
    },
    { what: `${count} ${what}`, timeoutMs: 20_000 },
  );
}

const token = (sentence: string): string => /iot confirm (\w+)/.exec(sentence)?.[1] ?? "";
const confirm = (text: string) => askOperators(bucket.messaging, "confirm", { token: text }, AbortSignal.timeout(10_000));
const many = Array.from({ length: 30 }, (_, index) => `d${index}`);
const ofItsOwn = (name: string): string[] => [`pi-${name}`];

test("one that is deleted by its name is gone within 1.5 s, and so is the object soon after", async () => {
  await applyAll(many, ofItsOwn);
  const startedMs = performance.now();
  await kubectl("delete", "iotdep", "d7", "--wait=false");
  await expectScore(bucket, "pi-d7.d7", null);
  expect(performance.now() - startedMs).toBeLessThan(1_500);
  expect((await bucket.manifest("pi-d7"))?.removed?.["d7"]?.why).toBe("default/d7 was deleted");
  await kubectl("wait", "--for=delete", "iotdep/d7", "--timeout=10s");
  expect(await entries()).toHaveLength(29);
  expect((await operator.readyz()).problems).toEqual([]);
});

test("kubectl delete --all of thirty is held, and said on each; confirmed, all go", async () => {
  await applyAll(many, ofItsOwn);
  await kubectl("delete", "iotdep", "--all", "--wait=false");
  const sentence = await named("held", 30);
  expect(await entries()).toHaveLength(30);
  const message = await kubernetes.told("d3", '{.status.conditions[?(@.reason=="RemovalHeld")].message}');
  expect(message).toContain(`iot confirm ${token(sentence)} all 30 that are held`);
  expect(await kubectl("get", "iotdep", "d3")).toContain("False");

  // Put back, as a person might try: Kubernetes calls it unchanged.
  expect(await kubernetes.apply(workload("d3", { devices: ["pi-d3"] }))).toMatch(/unchanged|configured/);
  await operator.process.kill();
  operator = await startOperator();
  expect(await named("held", 30)).toBe(sentence);
  expect(await confirm(token(sentence))).toMatchObject([{ done: true }]);
  await eventually(async () => (await entries()).length === 0, { timeoutMs: 20_000 });
  await kubectl("wait", "--for=delete", "iotdep", "--all", "--timeout=20s");
  await eventually(async () => (await operator.readyz()).problems.length === 0);
});

test("what is held goes by an annotation with its token, or is kept by one: the objects go, what is kept is lost until it is applied again", async () => {
  await applyAll(many.slice(0, 12), ofItsOwn);
  await kubectl("delete", "iotdep", "--all", "--wait=false");
  await named("held", 12);
  const message = await kubernetes.told("d1", '{.status.conditions[?(@.reason=="RemovalHeld")].message}');
  const own = /confirm-removal=(\w+)/.exec(message)?.[1] ?? "";
  await kubectl("annotate", "iotdep", "d1", `iot.nationtech.io/confirm-removal=${own}`);
  await expectScore(bucket, "pi-d1.d1", null);
  await kubectl("annotate", "iotdep", "d2", "iot.nationtech.io/keep-on-devices=true");
  await kubectl("wait", "--for=delete", "iotdep/d1", "iotdep/d2", "--timeout=20s");
  await named("held", 10);
  await named("lost", 1);
  const before = (await bucket.manifest("pi-d2"))?.deployments["d2"];
  await kubernetes.apply(workload("d2", { devices: ["pi-d2"] }));
  const after = await eventually(async () => {
    const entry = (await bucket.manifest("pi-d2"))?.deployments["d2"];
    return entry?.uid !== before?.uid && entry;
  });
  expect(after.revision).toBe(before?.revision);
  expect((await record())?.lost).toEqual([]);
});

test("kept by name: the objects go, the devices keep what they run", async () => {
  await applyAll(many.slice(0, 12), ofItsOwn);
  await kubectl("delete", "iotdep", "--all", "--wait=false");
  await named("held", 12);
  const keep = (request: { name?: string; namespace?: string }) =>
    askOperators(bucket.messaging, "keep", request, AbortSignal.timeout(10_000));
  expect(await keep({ name: "elsewhere" })).toMatchObject([{ done: false }]);
  expect(await keep({ name: "d4" })).toMatchObject([{ done: true }]);
  await kubectl("wait", "--for=delete", "iotdep/d4", "--timeout=20s");
  expect(await keep({ namespace: "default" })).toMatchObject([{ done: true }]);
  await kubectl("wait", "--for=delete", "iotdep", "--all", "--timeout=20s");
  expect(await entries()).toHaveLength(12);
  await named("lost", 12);
});

test("the definition of the resource is deleted: nothing goes; put back and applied again, nothing restarts", async () => {
  await applyAll(many.slice(0, 5), ofItsOwn);
  const before = await bucket.manifest("pi-d1");
  await kubectl("delete", "-f", CRD, "--wait=false");
  // Its controllers delete what is of it.
  await named("lost", 5);
  await kubectl("wait", "--for=delete", "crd/deployments.iot.nationtech.io", "--timeout=30s");
  await eventually(
    async () => (await operator.readyz()).problems.some((problem) => problem.includes("kubectl apply -f iot/deploy/crd.yaml")),
    {
      timeoutMs: 20_000,
    },
  );
  expect(await entries()).toHaveLength(5);
  await installCrd(kubernetes.server);
  // Before its objects: an empty list.
  await eventually(async () => (await operator.readyz()).ready, { timeoutMs: 30_000 });
  expect(await entries()).toHaveLength(5);
  await kubernetes.apply(
    many
      .slice(0, 5)
      .map((name) => workload(name, { devices: ofItsOwn(name) }))
      .join("---\n"),
  );
  await eventually(async () => (await record())?.lost.length === 0, { timeoutMs: 20_000 });
  expect((await bucket.manifest("pi-d1"))?.deployments["d1"]?.revision).toBe(before?.deployments["d1"]?.revision);
});

test("an object that vanished is lost, and named; so is what another object of its name does not list", async () => {
  await applyAll(["a", "b"], () => ["pi-1", "pi-2"]);
  await operator.process.kill();
  for (const name of ["a", "b"]) {
    await kubectl("patch", "iotdep", name, ...FINALIZERS_OFF);
    await kubectl("delete", "iotdep", name);
  }
  await kubernetes.apply(workload("b", { devices: ["pi-2"] }));
  operator = await startOperator();
  const sentence = await named("lost", 3);
  expect(sentence).toContain("default/a on 2 devices, default/b on pi-1");
  expect((await entries()).toSorted()).toEqual(["pi-1.a", "pi-1.b", "pi-2.a", "pi-2.b"]);
  expect(await confirm(token(sentence))).toMatchObject([{ done: true }]);
  await eventually(async () => (await entries()).join() === "pi-2.b", { timeoutMs: 20_000 });
});

test("a namespace that is deleted is one line, and no deletion by name; an annotation keeps its Deployments", async () => {
  await kubectl("create", "namespace", "plant");
  await applyAll(many.slice(0, 12), ofItsOwn, "plant");
  await applyAll(["stays"], () => ["pi-1"]);
  // Without a controller-manager, which deletes what is in it.
  await kubectl("delete", "namespace", "plant", "--wait=false");
  await kubectl("delete", "iotdep", "--all", "-n", "plant", "--wait=false");
  await named("held", 12);
  expect((await record())?.held.every(({ how, why }) => how === "collective" && why === "namespace plant was deleted")).toBe(true);
  const message = await kubernetes.told("plant/d1", '{.status.conditions[?(@.reason=="RemovalHeld")].message}');
  expect(message).not.toContain("iot keep");
  await kubectl("annotate", "iotdep", "--all", "-n", "plant", "iot.nationtech.io/keep-on-devices=true");
  await kubectl("wait", "--for=delete", "iotdep", "--all", "-n", "plant", "--timeout=20s");
  expect(await entries()).toHaveLength(13);
});

test("of four edits in a few seconds, from thirty devices to one, what is too much is held", async () => {
  const devices = many.map((name) => `pi-${name}`);
  await applyAll(["shrinks"], () => devices);
  for (const left of [22, 14, 6, 1]) await kubernetes.apply(workload("shrinks", { devices: devices.slice(0, left) }));
  await named("held", 29);
  expect(await entries()).toHaveLength(30);
  await kubernetes.apply(workload("shrinks", { devices }));
  await eventually(async () => (await record())?.held.length === 0, { timeoutMs: 20_000 });
});

test("two operators, and one is killed while much is deleted: both come to the same, and one word is enough", async () => {
  const second = await startOperator();
  await applyAll(many, ofItsOwn);
  await kubectl("delete", "iotdep", ...many.slice(0, 20), "--wait=false");
  await operator.process.kill();
  operator = second;
  const sentence = await named("held", 20);
  const third = await startOperator();
  await eventually(async () => (await third.readyz()).problems.includes(sentence));
  expect((await confirm(token(sentence))).some(({ done }) => done)).toBe(true);
  await eventually(async () => (await entries()).length === 10, { timeoutMs: 20_000 });
  await eventually(async () => lines(await kubectl("get", "iotdep", "-o", "name")).length === 10, { timeoutMs: 20_000 });
});
