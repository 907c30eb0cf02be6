// What the world does to a cluster and its devices outlive: a definition that is put back before
// its objects, an uninstall in the wrong order, a restore of an older copy of etcd, a forced
// return. And what people see of removals beside the objects: Events.

import { eventually } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { lines, many, ofItsOwn, RemovalsScene, tokenIn } from "./removals-scene.ts";
import { CRD, installCrd, OPERATOR } from "./running-kubernetes.ts";
import { workload } from "./workload.ts";

let scene: RemovalsScene;
beforeAll(async () => {
  scene = await RemovalsScene.open();
});
afterAll(() => scene?.close());
beforeEach(() => scene.begin());
afterEach(() => scene.end());

const yamlOf = (names: readonly string[]): string => names.map((name) => workload(name, { devices: ofItsOwn(name) })).join("---\n");
const deleteCrd = async (): Promise<void> => void (await scene.kubectl("delete", "-f", CRD, "--timeout=30s"));

/** All entries stand, and none of them was written anew. */
async function asBefore(before: Readonly<Record<string, number>>): Promise<void> {
  await eventually(async () => (await scene.record())?.lost.length === 0, { what: "nothing is lost any more", timeoutMs: 30_000 });
  expect(await scene.revisions()).toEqual(before);
}

test("finalizers stripped, the definition deleted and put back before its objects: nothing goes, and applied again nothing restarts", async () => {
  await scene.applyAll(many.slice(0, 12), ofItsOwn);
  const before = await scene.revisions();
  await scene.operator.process.kill();
  await scene.stripAll();
  await deleteCrd();
  await installCrd(scene.kubernetes.server);
  await scene.startOperator();
  expect(await scene.named("lost", 12)).toContain("NotSeenDeleted");
  expect(await scene.revisions()).toEqual(before);
  await scene.kubernetes.apply(yamlOf(many.slice(0, 12)));
  await asBefore(before);
});

test("the definition serves nothing for a while, and is then replaced by force: nothing goes, and applied again nothing restarts", async () => {
  await scene.applyAll(many.slice(0, 5), ofItsOwn);
  const before = await scene.revisions();
  const unserved = '[{"op":"replace","path":"/spec/versions/0/served","value":false}]';
  await scene.kubectl("patch", "crd", "deployments.iot.nationtech.io", "--type=json", "-p", unserved);
  await eventually(
    async () => (await scene.operator.readyz()).problems.some((problem) => problem.includes("the cluster does not know deployments")),
    { timeoutMs: 20_000 },
  );
  await installCrd(scene.kubernetes.server);
  await eventually(async () => (await scene.operator.readyz()).ready, { timeoutMs: 30_000 });
  expect(await scene.revisions()).toEqual(before);
  await scene.kubectl("replace", "--force", "-f", CRD, "--timeout=60s");
  await scene.named("lost", 5);
  expect(await scene.revisions()).toEqual(before);
  await scene.kubernetes.apply(yamlOf(many.slice(0, 5)));
  await asBefore(before);
});

test("uninstalled in the wrong order, and installed again to repair: nothing goes", async () => {
  await scene.applyAll(many.slice(0, 12), ofItsOwn);
  const before = await scene.revisions();
  // The operator first, so that nobody takes the finalizers off.
  await scene.operator.process.kill();
  await scene.kubectl("delete", "-f", OPERATOR);
  await scene.kubectl("delete", "-f", CRD, "--wait=false");
  await eventually(
    async () => (await scene.kubectl("get", "iotdep", "-o", "jsonpath={.items[*].metadata.deletionTimestamp}")).split(" ").length === 12,
  );
  await scene.stripAll();
  await scene.kubectl("wait", "--for=delete", "crd/deployments.iot.nationtech.io", "--timeout=30s");
  await installCrd(scene.kubernetes.server);
  await scene.kubectl("apply", "-f", OPERATOR);
  await scene.startOperator(await scene.kubernetes.server.serviceAccountKubeconfig("iot-system", "iot-operator"));
  await scene.named("lost", 12);
  expect(await scene.revisions()).toEqual(before);
  await scene.kubernetes.apply(yamlOf(many.slice(0, 12)));
  await asBefore(before);
});

test("etcd is restored from an older copy: what was made since stays, and is named; what was changed since goes on", async () => {
  await scene.applyAll(["old", "changed"], () => ["pi-1", "pi-2"]);
  const restore = await scene.kubernetes.server.backUp();
  await scene.applyAll(many.slice(0, 5), ofItsOwn);
  await scene.kubernetes.apply(workload("changed", { devices: ["pi-1", "pi-2", "pi-3"] }));
  await scene.stand(["changed"], () => ["pi-3"]);
  const before = await scene.revisions();
  await restore();
  const sentence = await scene.named("lost", 6);
  expect(sentence).toContain("default/d0 on pi-d0");
  expect((await scene.record())?.lost.find(({ name }) => name === "changed")).toMatchObject({
    reason: "SourceWentBack",
    devices: ["pi-3"],
  });
  expect(Object.keys(await scene.revisions()).toSorted()).toEqual(Object.keys(before).toSorted());
  await scene.kubernetes.apply(`${yamlOf(many.slice(0, 5))}---\n${workload("changed", { devices: ["pi-1", "pi-2", "pi-3"] })}`);
  await asBefore(before);
});

test("a held removal, and put back by force: finalizers stripped and applied again, fewer each time, none goes", async () => {
  await scene.applyAll(many, ofItsOwn);
  const before = await scene.revisions();
  await scene.kubectl("delete", "iotdep", "--all", "--wait=false");
  await scene.named("held", 30);
  await scene.stripAll();
  await scene.kubernetes.apply(yamlOf(many.slice(0, 21)));
  await scene.named("held", 9);
  expect(await scene.revisions()).toEqual(before);
  expect(await scene.keep({ namespace: "default" })).toMatchObject([{ done: true }]);
  expect(await scene.named("lost", 9)).toContain("Kept");
  await scene.kubernetes.apply(yamlOf(many));
  await asBefore(before);
});

async function events(name: string): Promise<string[]> {
  const columns = '{range .items[*]}{.type} {.reason} {.count} {.message}{"\\n"}{end}';
  return lines(
    await scene.kubectl("get", "events", "--field-selector", `involvedObject.name=${name}`, "-o", `jsonpath=${columns}`),
  ).toSorted();
}

/** Beside what its devices do, which are Events of their own. */
async function isAmongEvents(name: string, start: string): Promise<boolean> {
  return (await events(name)).some((line) => line.startsWith(start));
}

test("what was held, kept, lost, confirmed and removed is an Event each, beside the object; however often, one", async () => {
  await scene.applyAll([...many.slice(0, 11), "alone"], ofItsOwn);
  await scene.kubectl("delete", "iotdep", "alone", "--wait=false");
  await eventually(async () => isAmongEvents("alone", "Normal Removed 1 it goes from pi-alone: default/alone was deleted"));
  await scene.kubectl("delete", "iotdep", ...many.slice(0, 11), "--wait=false");
  const token = tokenIn(await scene.named("held", 11));
  await eventually(async () => isAmongEvents("d1", "Warning RemovalHeld 1 its removal from 1 device is held"));
  expect(await scene.kubectl("describe", "iotdep", "d1")).toContain("RemovalHeld");
  await scene.keep({ name: "d1" });
  await eventually(async () => isAmongEvents("d1", "Normal Kept 1 it stays on pi-d1: kept by"));
  await scene.kubectl("wait", "--for=delete", "iotdep/d1", "--timeout=20s");
  expect(token).not.toBe("");
  await scene.confirm(tokenIn(await scene.named("held", 10)));
  await eventually(async () => isAmongEvents("d2", "Normal RemovalConfirmed 1 it goes from pi-d2: confirmed by"));
  await scene.kubectl("wait", "--for=delete", "iotdep", "--all", "--timeout=20s");

  // What flaps raises a count.
  const devices = Array.from({ length: 12 }, (_, index) => `pi-f${index}`);
  await scene.applyAll(["flaps"], () => devices);
  for (const round of [1, 2]) {
    await scene.kubernetes.apply(workload("flaps", { devices: ["pi-f0"] }));
    await scene.named("held", 11);
    await eventually(async () => isAmongEvents("flaps", `Warning RemovalHeld ${round} `));
    await scene.kubernetes.apply(workload("flaps", { devices }));
    await eventually(async () => (await scene.record())?.held.length === 0, { timeoutMs: 20_000 });
  }
  expect((await events("flaps")).filter((line) => line.includes(" RemovalHeld "))).toHaveLength(1);
});
