// Writing to objects of a real API server: status by server-side apply, finalizers by
// compare-and-set.

import { type KubernetesServer, startKubernetes } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  applyStatus,
  connectKubernetes,
  type KubernetesConnection,
  type KubernetesObject,
  loadKubernetesConfig,
  readObject,
  setFinalizer,
} from "../src/index.ts";

const VALVES = { group: "test.example", version: "v1", kind: "Valve", plural: "valves" };
const FINALIZER = "test.example/mine";
const { signal } = new AbortController();
let kubernetes: KubernetesServer;
let connection: KubernetesConnection;

beforeAll(async () => {
  kubernetes = await startKubernetes();
  connection = connectKubernetes(loadKubernetesConfig(kubernetes.kubeconfig), "test");
  const crd = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "valves.test.example" },
    spec: {
      group: "test.example",
      scope: "Namespaced",
      names: { kind: "Valve", plural: "valves" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  };
  await kubernetes.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(crd) });
  await kubernetes.kubectl(["wait", "--for=condition=Established", "crd/valves.test.example"]);
});
afterAll(async () => {
  connection?.close();
  await kubernetes?.stop();
});

async function makeValve(name: string, finalizers: readonly string[] = []): Promise<KubernetesObject> {
  const valve = {
    apiVersion: "test.example/v1",
    kind: "Valve",
    metadata: { name, namespace: "default", finalizers },
    spec: { open: true },
  };
  await kubernetes.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(valve) });
  return await read(name);
}

const read = (name: string): Promise<KubernetesObject> => readObject(connection, VALVES, { namespace: "default", name }, signal);
const setMine = (object: KubernetesObject, present: boolean): Promise<KubernetesObject | null> =>
  setFinalizer(connection, VALVES, { object, finalizer: FINALIZER, present, manager: "test", signal });

const writeStatus = (object: KubernetesObject, status: unknown, manager = "test"): Promise<KubernetesObject> =>
  applyStatus(connection, VALVES, { object, manager, status, signal });

test("what an applied status leaves out is removed, what others wrote stays", async () => {
  const valve = await makeValve("status");
  const first = await writeStatus(valve, { flow: 3, pressure: 4 });
  const second = await writeStatus(first, { colour: "red" }, "another");
  const after = await writeStatus(second, { flow: 5 });
  expect(after.status).toEqual({ flow: 5, colour: "red" });
  expect(after.metadata.generation).toBe(valve.metadata.generation);
});

test("an equal status changes nothing, not even the version", async () => {
  const first = await writeStatus(await makeValve("equal"), { flow: 3 });
  expect((await writeStatus(first, { flow: 3 })).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
});

test("a status is for what was read: not for a later state, not for another of its name, and it makes none", async () => {
  const valve = await makeValve("one");
  await kubernetes.kubectl(["annotate", "valve", "one", "touched=1"]);
  await expect(writeStatus(valve, { flow: 3 })).rejects.toMatchObject({ code: "Conflict", retry: "never" });
  await kubernetes.kubectl(["delete", "valve", "one"]);
  await expect(writeStatus(valve, { flow: 3 })).rejects.toThrow(/^failed to write the status of valves\.test\.example default\/one: /);
  await makeValve("one");
  await expect(writeStatus(valve, { flow: 3 })).rejects.toMatchObject({ code: "Conflict" });
  expect((await read("one")).status).toBeUndefined();
});

test("a finalizer is added beside those of others and taken from between them, also by one who read an old version", async () => {
  const old = await makeValve("finalized", ["test.example/theirs"]);
  await kubernetes.kubectl(["annotate", "valve", "finalized", "touched=1"]);
  expect((await setMine(old, true))?.metadata.finalizers).toEqual(["test.example/theirs", FINALIZER]);
  expect((await setMine(old, true))?.metadata.finalizers).toEqual(["test.example/theirs", FINALIZER]);
  const touched = await read("finalized");
  await kubernetes.kubectl(["annotate", "valve", "finalized", "touched=2", "--overwrite"]);
  expect((await setMine(touched, false))?.metadata.finalizers).toEqual(["test.example/theirs"]);
});

test("the last finalizer lets a deleted object go; one that is being deleted takes none", async () => {
  const claimed = await setMine(await makeValve("deleted"), true);
  await kubernetes.kubectl(["delete", "valve", "deleted", "--wait=false"]);
  const deleting = await read("deleted");
  expect(deleting.metadata.deletionTimestamp).toBeDefined();
  expect(
    await setFinalizer(connection, VALVES, { object: deleting, finalizer: "x.example/y", present: true, manager: "test", signal }),
  ).toBeNull();
  if (claimed === null) throw new Error("the finalizer was not added");
  await setMine(claimed, false);
  await expect(read("deleted")).rejects.toMatchObject({ code: "NotFound" });
  expect(await setMine(claimed, false)).toBeNull();
});
