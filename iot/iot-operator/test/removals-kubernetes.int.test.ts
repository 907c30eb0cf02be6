// Removals from a real Kubernetes API to a real bucket, with the operator as a process: what goes
// at once, what is held until a person says, and what was never deleted and so stays.

import { eventually } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { lines, FINALIZERS_OFF, many, ofItsOwn, RemovalsScene, tokenIn } from "./removals-scene.ts";
import { CRD, installCrd } from "./running-kubernetes.ts";
import { expectScore } from "./running-operator.ts";
import { workload } from "./workload.ts";

let scene: RemovalsScene;
beforeAll(async () => {
  scene = await RemovalsScene.open();
});
afterAll(() => scene?.close());
beforeEach(() => scene.begin());
afterEach(() => scene.end());

test("one that is deleted by its name goes without waiting for others, and so does the object soon after", async () => {
  await scene.applyAll(many, ofItsOwn);
  const startedMs = performance.now();
  await scene.kubectl("delete", "iotdep", "d7", "--wait=false");
  await expectScore(scene.bucket, "pi-d7.d7", null);
  // Several that come together wait for 3 s. How soon one goes is measured by the bench.
  expect(performance.now() - startedMs).toBeLessThan(3_000);
  expect((await scene.bucket.manifest("pi-d7"))?.removed?.["d7"]?.why).toBe("default/d7 was deleted");
  await scene.kubectl("wait", "--for=delete", "iotdep/d7", "--timeout=10s");
  expect(await scene.entries()).toHaveLength(29);
  expect((await scene.operator.readyz()).problems).toEqual([]);
});

test("one of 30 devices, deleted by its name, goes from a source of 100 entries; the next one waits for a word, and for no restart", async () => {
  const thirty = (name: string): string[] => many.map((device) => `pi-${name}-${device}`);
  await scene.kubernetes.apply(["a", "b"].map((name) => workload(name, { devices: thirty(name) })).join("---\n"));
  await scene.applyAll(["rest"], () => [...thirty("c"), ...many]);
  await scene.stand(["a", "b"], thirty);
  await scene.kubectl("delete", "iotdep", "a", "--wait=false");
  await scene.kubectl("wait", "--for=delete", "iotdep/a", "--timeout=20s");
  expect(await scene.entries()).toHaveLength(90);
  await scene.kubectl("delete", "iotdep", "b", "--wait=false");
  const sentence = await scene.named("held", 30);
  expect(await scene.kubernetes.published("b", '{.status.conditions[?(@.type=="Ready")].reason}')).toBe("RemovalHeld");
  expect(await scene.entries()).toHaveLength(90);
  expect(await scene.confirm(tokenIn(sentence))).toMatchObject([{ done: true }]);
  await scene.kubectl("wait", "--for=delete", "iotdep/b", "--timeout=20s");
  expect(await scene.entries()).toHaveLength(60);
});

test("kubectl delete --all of thirty is held, and said on each; confirmed, all go", async () => {
  await scene.applyAll(many, ofItsOwn);
  await scene.kubectl("delete", "iotdep", "--all", "--wait=false");
  const sentence = await scene.named("held", 30);
  expect(await scene.entries()).toHaveLength(30);
  const message = await scene.kubernetes.published("d3", '{.status.conditions[?(@.reason=="RemovalHeld")].message}');
  expect(message).toContain(`iot confirm ${tokenIn(sentence)} all 30 that are held`);
  expect(await scene.kubectl("get", "iotdep", "d3")).toContain("False");

  // Put back, as a person might try: Kubernetes calls it unchanged.
  expect(await scene.kubernetes.apply(workload("d3", { devices: ["pi-d3"] }))).toMatch(/unchanged|configured/);
  await scene.operator.process.kill();
  await scene.startOperator();
  expect(await scene.named("held", 30)).toBe(sentence);
  expect(await scene.confirm(tokenIn(sentence))).toMatchObject([{ done: true }]);
  await eventually(async () => (await scene.entries()).length === 0, { timeoutMs: 20_000 });
  await scene.kubectl("wait", "--for=delete", "iotdep", "--all", "--timeout=20s");
  await eventually(async () => (await scene.operator.readyz()).problems.length === 0);
});

test("what is held goes by an annotation with its token, or is kept by one: the objects go, what is kept is lost until it is applied again", async () => {
  await scene.applyAll(many.slice(0, 12), ofItsOwn);
  await scene.kubectl("delete", "iotdep", "--all", "--wait=false");
  await scene.named("held", 12);
  const message = await scene.kubernetes.published("d1", '{.status.conditions[?(@.reason=="RemovalHeld")].message}');
  const own = /confirm-removal=(\w+)/.exec(message)?.[1] ?? "";
  await scene.kubectl("annotate", "iotdep", "d1", `iot.nationtech.io/confirm-removal=${own}`);
  await expectScore(scene.bucket, "pi-d1.d1", null);
  await scene.kubectl("annotate", "iotdep", "d2", "iot.nationtech.io/keep-on-devices=true");
  await scene.kubectl("wait", "--for=delete", "iotdep/d1", "iotdep/d2", "--timeout=20s");
  await scene.named("held", 10);
  await scene.named("lost", 1);
  const before = (await scene.bucket.manifest("pi-d2"))?.deployments["d2"];
  await scene.kubernetes.apply(workload("d2", { devices: ["pi-d2"] }));
  const after = await eventually(async () => {
    const entry = (await scene.bucket.manifest("pi-d2"))?.deployments["d2"];
    return entry?.uid !== before?.uid && entry;
  });
  expect(after.revision).toBe(before?.revision);
  expect((await scene.record())?.lost).toEqual([]);
});

test("kept by name: the objects go, the devices keep what they run", async () => {
  await scene.applyAll(many.slice(0, 12), ofItsOwn);
  await scene.kubectl("delete", "iotdep", "--all", "--wait=false");
  await scene.named("held", 12);
  expect(await scene.keep({ name: "elsewhere" })).toMatchObject([{ done: false }]);
  expect(await scene.keep({ name: "d4" })).toMatchObject([{ done: true }]);
  await scene.kubectl("wait", "--for=delete", "iotdep/d4", "--timeout=20s");
  expect(await scene.keep({ namespace: "default" })).toMatchObject([{ done: true }]);
  await scene.kubectl("wait", "--for=delete", "iotdep", "--all", "--timeout=20s");
  expect(await scene.entries()).toHaveLength(12);
  await scene.named("lost", 12);
});

test("the definition of the resource is deleted: nothing goes; put back and applied again, nothing restarts", async () => {
  await scene.applyAll(many.slice(0, 5), ofItsOwn);
  const before = await scene.bucket.manifest("pi-d1");
  await scene.kubectl("delete", "-f", CRD, "--wait=false");
  // Its controllers delete what is of it.
  await scene.named("lost", 5);
  await scene.kubectl("wait", "--for=delete", "crd/deployments.iot.nationtech.io", "--timeout=30s");
  await eventually(
    async () => (await scene.operator.readyz()).problems.some((problem) => problem.includes("kubectl apply -f iot/deploy/crd.yaml")),
    {
      timeoutMs: 20_000,
    },
  );
  expect(await scene.entries()).toHaveLength(5);
  await installCrd(scene.kubernetes.server);
  // Before its objects: an empty list.
  await eventually(async () => (await scene.operator.readyz()).ready, { timeoutMs: 30_000 });
  expect(await scene.entries()).toHaveLength(5);
  await scene.kubernetes.apply(
    many
      .slice(0, 5)
      .map((name) => workload(name, { devices: ofItsOwn(name) }))
      .join("---\n"),
  );
  await eventually(async () => (await scene.record())?.lost.length === 0, { timeoutMs: 20_000 });
  expect((await scene.bucket.manifest("pi-d1"))?.deployments["d1"]?.revision).toBe(before?.deployments["d1"]?.revision);
});

test("an object that vanished is lost, and named; so is what another object of its name does not list", async () => {
  await scene.applyAll(["a", "b"], () => ["pi-1", "pi-2"]);
  await scene.operator.process.kill();
  for (const name of ["a", "b"]) {
    await scene.kubectl("patch", "iotdep", name, ...FINALIZERS_OFF);
    await scene.kubectl("delete", "iotdep", name);
  }
  await scene.kubernetes.apply(workload("b", { devices: ["pi-2"] }));
  await scene.startOperator();
  const sentence = await scene.named("lost", 3);
  expect(sentence).toContain("default/a on 2 devices, default/b on pi-1");
  expect((await scene.entries()).toSorted()).toEqual(["pi-1.a", "pi-1.b", "pi-2.a", "pi-2.b"]);
  expect(await scene.confirm(tokenIn(sentence))).toMatchObject([{ done: true }]);
  await eventually(async () => (await scene.entries()).join() === "pi-2.b", { timeoutMs: 20_000 });
});

test("a namespace that is deleted is one line, and no deletion by name; an annotation keeps its Deployments", async () => {
  await scene.kubectl("create", "namespace", "plant");
  await scene.applyAll(many.slice(0, 12), ofItsOwn, "plant");
  await scene.applyAll(["stays"], () => ["pi-1"]);
  await scene.kubectl("delete", "namespace", "plant", "--wait=false");
  await scene.named("held", 12);
  expect((await scene.record())?.held.every(({ how, why }) => how === "collective" && why === "namespace plant was deleted")).toBe(true);
  const message = await scene.kubernetes.published("plant/d1", '{.status.conditions[?(@.reason=="RemovalHeld")].message}');
  expect(message).not.toContain("iot keep");
  await scene.kubectl("annotate", "iotdep", "--all", "-n", "plant", "iot.nationtech.io/keep-on-devices=true");
  await scene.kubectl("wait", "--for=delete", "iotdep", "--all", "-n", "plant", "--timeout=20s");
  expect(await scene.entries()).toHaveLength(13);
});

test("of four edits in a few seconds, from thirty devices to one, what is too much is held", async () => {
  const devices = many.map((name) => `pi-${name}`);
  await scene.applyAll(["shrinks"], () => devices);
  // By one kubectl, which writes them one after the other: four may take long on a busy machine.
  await scene.kubernetes.apply([22, 14, 6, 1].map((left) => workload("shrinks", { devices: devices.slice(0, left) })).join("---\n"));
  await scene.named("held", 29);
  expect(await scene.entries()).toHaveLength(30);
  await scene.kubernetes.apply(workload("shrinks", { devices }));
  await eventually(async () => (await scene.record())?.held.length === 0, { timeoutMs: 20_000 });
});

test("two operators, and one is killed while much is deleted: both come to the same, and one word is enough", async () => {
  const first = scene.operator;
  await scene.startOperator();
  await scene.ready();
  await scene.applyAll(many, ofItsOwn);
  await scene.kubectl("delete", "iotdep", ...many.slice(0, 20), "--wait=false");
  await first.process.kill();
  const sentence = await scene.named("held", 20);
  const third = await scene.startOperator();
  await eventually(async () => (await third.readyz()).problems.includes(sentence));
  expect((await scene.confirm(tokenIn(sentence))).some(({ done }) => done)).toBe(true);
  await eventually(async () => (await scene.entries()).length === 10, { timeoutMs: 20_000 });
  await eventually(async () => lines(await scene.kubectl("get", "iotdep", "-o", "name")).length === 10, { timeoutMs: 20_000 });
});
