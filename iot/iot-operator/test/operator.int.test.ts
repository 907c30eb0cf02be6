// The operator's loop from a real repository to a real bucket, and the faults that it has to live
// through.

import { cp, rename, rm } from "node:fs/promises";
import { createLog } from "@harmony/runtime";
import { askOperators, type DesiredStateStore, openStatusStore } from "@iot/messaging";
import { eventually, type GitRepository, makeGitRepository, type NatsServer, startNats } from "@iot/testkit";
import { asDeviceId } from "@iot/contracts";
import { expect, onTestFinished, test } from "vitest";
import { readiness } from "../src/http/http.ts";
import { type Bucket, openBucket, runOperator, type RunningOperator, type RunningOptions, expectScore } from "./running-operator.ts";
import { statusOf } from "./status-of.ts";
import { workload } from "./workload.ts";

interface World {
  readonly nats: NatsServer;
  readonly repository: GitRepository;
  readonly bucket: Bucket;
  push(files: Readonly<Record<string, string | null>>, options?: { force: boolean }): Promise<string>;
  operator(options?: Partial<RunningOptions>): Promise<RunningOperator>;
}

async function world(): Promise<World> {
  const nats = await startNats();
  onTestFinished(() => nats.stop());
  const repository = await newRepository();
  const bucket = await openBucket(nats.url);
  return {
    nats,
    repository,
    bucket,
    push: (files, options) => pushTo(repository, files, options),
    operator: (options = {}) => runOperator({ natsUrl: nats.url, gitUrl: repository.url, ...options }),
  };
}

async function newRepository(): Promise<GitRepository> {
  const repository = await makeGitRepository();
  onTestFinished(() => repository.remove());
  return repository;
}

async function pushTo(
  repository: GitRepository,
  files: Readonly<Record<string, string | null>>,
  options?: { force: boolean },
): Promise<string> {
  const commit = await repository.commit(files);
  await repository.push(options);
  return commit;
}

/** Until the operator has read this commit and found nothing left to write. */
async function inStep({ health }: RunningOperator, commit: string): Promise<void> {
  await eventually(() => health.sourceVersion === commit && health.inStep, { what: `in step with ${commit}` });
}

/** A fault: writes of a kind wait until they are let go. */
function held(kind: "putScore" | "putManifest"): {
  wrap: (store: DesiredStateStore) => DesiredStateStore;
  reached: Promise<void>;
  release: () => void;
} {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const wrap = (store: DesiredStateStore): DesiredStateStore => ({
    ...store,
    [kind]: async (write: Parameters<DesiredStateStore["putScore"]>[0] & Parameters<DesiredStateStore["putManifest"]>[0]) => {
      reached.resolve();
      await gate.promise;
      return store[kind](write);
    },
  });
  return { wrap, reached: reached.promise, release: () => gate.resolve() };
}

test("brings a push, an edit and a removal to the bucket", async () => {
  const { push, bucket, operator } = await world();
  const first = await push({ "a.yaml": workload("hello", { image: "web:1" }) });
  const running = await operator();
  await expectScore(bucket, "pi-1.hello", "web:1");
  await inStep(running, first);
  expect(await bucket.manifest("pi-1")).toMatchObject({
    sources: ["git:test"],
    deployments: { hello: { source: "git:test", namespace: "default", uid: "git:test/default/hello", commit: first, generation: 1 } },
  });
  await push({ "a.yaml": workload("hello", { image: "web:2" }) });
  running.poke();
  await expectScore(bucket, "pi-1.hello", "web:2");
  await push({ "a.yaml": null });
  running.poke();
  await expectScore(bucket, "pi-1.hello", null);
  const manifest = await bucket.manifest("pi-1");
  expect(manifest).toMatchObject({ sources: ["git:test"], deployments: {} });
  expect(manifest?.removed?.["hello"]).toMatchObject({ uid: "git:test/default/hello", namespace: "default" });
  expect(manifest?.removed?.["hello"]?.why).toContain("takes it away");
});

test("started again with everything current it writes nothing", async () => {
  const { push, bucket, operator } = await world();
  const commit = await push({ "a.yaml": workload("hello", { devices: ["pi-1", "pi-2"] }), "b.yaml": workload("other") });
  const first = await operator();
  await inStep(first, commit);
  await first.close();
  const before = await bucket.lastSequence();
  const second = await operator();
  await inStep(second, commit);
  expect(await bucket.lastSequence()).toBe(before);
  expect(second.health.writes).toBe(0);
});

test("two operators with two repositories serve one device, and neither touches what is the other's", async () => {
  const { nats, push, bucket, operator } = await world();
  const other = await newRepository();
  const ours = await push({ "a.yaml": workload("ours"), "shared.yaml": workload("shared", { image: "ours:1" }) });
  const theirs = await pushTo(other, { "a.yaml": workload("theirs") });
  const [a, b] = await Promise.all([
    operator({ sourceId: "git:a" }),
    runOperator({ natsUrl: nats.url, gitUrl: other.url, sourceId: "git:b" }),
  ]);
  await Promise.all([inStep(a, ours), inStep(b, theirs)]);
  const held = async (): Promise<Record<string, string>> => {
    const manifest = await bucket.manifest("pi-1");
    return Object.fromEntries(Object.entries(manifest?.deployments ?? {}).map(([name, { source }]) => [name, source]));
  };
  await eventually(async () => expect(await held()).toEqual({ ours: "git:a", shared: "git:a", theirs: "git:b" }) ?? true);
  expect((await bucket.manifest("pi-1"))?.sources.toSorted()).toEqual(["git:a", "git:b"]);

  await pushTo(other, { "shared.yaml": workload("shared", { image: "theirs:1" }) });
  b.poke();
  await eventually(() =>
    b.lines.some((line) => line.includes("NameConflict") && line.includes("default/shared of git:a already has the name shared on pi-1")),
  );
  expect(await bucket.score("pi-1.shared")).toContain("ours:1");

  await pushTo(other, { "a.yaml": null });
  b.poke();
  await expectScore(bucket, "pi-1.theirs", null);
  expect(await held()).toEqual({ ours: "git:a", shared: "git:a" });

  await push({ "shared.yaml": null });
  a.poke();
  await expectScore(bucket, "pi-1.shared", "theirs:1");
});

test("killed between score and manifest, the next one finishes it", async () => {
  const { push, bucket, operator } = await world();
  const commit = await push({ "a.yaml": workload("hello") });
  const fault = held("putManifest");
  const first = await operator({ wrap: fault.wrap });
  await fault.reached;
  const closing = first.close();
  expect(await bucket.manifest("pi-1")).toBeUndefined();
  const { revision } = (await bucket.snapshot()).scores.get("pi-1.hello") ?? { revision: 0 };
  const second = await operator();
  await inStep(second, commit);
  expect((await bucket.manifest("pi-1"))?.deployments["hello"]).toMatchObject({ revision });
  fault.release();
  await closing;
});

test("an operator that was held up does not write an old commit over a newer one", async () => {
  const { push, bucket, operator } = await world();
  await push({ "a.yaml": workload("hello", { image: "web:1" }) });
  const first = await operator();
  await expectScore(bucket, "pi-1.hello", "web:1");
  await first.close();

  await push({ "a.yaml": workload("hello", { image: "web:2" }) });
  const fault = held("putScore");
  const stale = await operator({ wrap: fault.wrap });
  await fault.reached;
  const newest = await push({ "a.yaml": workload("hello", { image: "web:3" }) });
  await inStep(await operator(), newest);
  fault.release();
  await inStep(stale, newest);
  expect(stale.health).toMatchObject({ conflicts: 1, writes: 0 });
  expect(await bucket.score("pi-1.hello")).toContain("web:3");
});

test("broken YAML: the last good commit stays in force, also after a restart", async () => {
  const { push, bucket, operator } = await world();
  const good = await push({ "a.yaml": workload("hello"), "b.yaml": workload("other") });
  const first = await operator();
  await expectScore(bucket, "pi-1.other", "nginx");
  await push({ "a.yaml": null, "b.yaml": "apiVersion: iot.nationtech.io/v1alpha1\nkind: [\n" });
  first.poke();
  await eventually(() => /b\.yaml:\d+/.test(first.health.sourceProblem ?? ""));
  expect(await bucket.score("pi-1.hello")).not.toBeNull();
  await first.close();

  const second = await operator();
  // The record names that commit.
  await eventually(() => second.health.sourceProblem?.includes(`${good.slice(0, 10)} stays in force`));
  expect(Object.keys((await bucket.manifest("pi-1"))?.deployments ?? {})).toEqual(["hello", "other"]);
  const mended = await push({ "b.yaml": workload("other") });
  second.poke();
  await inStep(second, mended);
  await expectScore(bucket, "pi-1.hello", null);
  expect(second.health.sourceProblem).toBeNull();
});

test("a forced push takes the devices back", async () => {
  const { push, bucket, repository, operator } = await world();
  const first = await push({ "a.yaml": workload("hello", { image: "web:1" }) });
  await push({ "a.yaml": workload("hello", { image: "web:2" }) });
  const running = await operator();
  await expectScore(bucket, "pi-1.hello", "web:2");
  await repository.resetTo(first);
  await repository.push({ force: true });
  running.poke();
  await expectScore(bucket, "pi-1.hello", "web:1");
  await running.close();
  await push({ "a.yaml": workload("hello", { image: "web:3" }) });
  const second = await operator();
  await expectScore(bucket, "pi-1.hello", "web:3");
  await repository.resetTo(first);
  await second.close();
  await repository.push({ force: true });
  await operator();
  await expectScore(bucket, "pi-1.hello", "web:1");
});

test("a remote that is gone removes nothing, and is reported", async () => {
  const { push, bucket, repository, operator } = await world();
  await push({ "a.yaml": workload("hello") });
  const running = await operator({ env: { IOT_GIT_POLL_SECONDS: "1" } });
  await expectScore(bucket, "pi-1.hello", "nginx");
  await rename(repository.barePath, `${repository.barePath}.away`);
  await eventually(() => running.health.sourceProblem?.includes("failed to read branch main"));
  expect(await bucket.score("pi-1.hello")).not.toBeNull();
  await rename(`${repository.barePath}.away`, repository.barePath);
  await eventually(() => running.health.sourceProblem === null);
});

test("a bucket that was wiped is filled again", async () => {
  const { nats, push, bucket, operator } = await world();
  await push({ "a.yaml": workload("hello") });
  await operator();
  await expectScore(bucket, "pi-1.hello", "nginx");
  await nats.kill();
  await rm(nats.storeDir, { recursive: true });
  await nats.start();
  await expectScore(bucket, "pi-1.hello", "nginx");
  await eventually(async () => (await bucket.manifest("pi-1"))?.deployments["hello"] !== undefined);
});

test("a store that was put back to an older copy is brought forward again", async () => {
  const { nats, push, bucket, operator } = await world();
  const first = await push({ "a.yaml": workload("hello", { image: "web:1" }), "gone.yaml": workload("gone") });
  const running = await operator();
  await inStep(running, first);
  await nats.down();
  await cp(nats.storeDir, `${nats.storeDir}.old`, { recursive: true });
  await nats.start();
  await push({ "a.yaml": workload("hello", { image: "web:2" }), "gone.yaml": null });
  running.poke();
  await expectScore(bucket, "pi-1.hello", "web:2");
  await expectScore(bucket, "pi-1.gone", null);
  await nats.down();
  await rm(nats.storeDir, { recursive: true });
  await rename(`${nats.storeDir}.old`, nats.storeDir);
  await nats.start();
  await expectScore(bucket, "pi-1.hello", "web:2");
  await eventually(async () => Object.keys((await bucket.manifest("pi-1"))?.deployments ?? {}).join() === "hello");
});

test("keys that go or change in somebody else's hands are put right", async () => {
  const { push, bucket, operator } = await world();
  await push({ "a.yaml": workload("hello") });
  await operator();
  await expectScore(bucket, "pi-1.hello", "nginx");
  const device = asDeviceId("pi-1");
  const manifest = await eventually(async () => (await bucket.snapshot()).manifests.get(device));
  await bucket.store.putManifest({ device, manifest: { sources: ["git:test"], deployments: {} }, expectedRevision: manifest.revision });
  await eventually(async () => (await bucket.manifest("pi-1"))?.deployments["hello"] !== undefined);
});

test("a repository that suddenly has nothing empties no fleet until that is confirmed", async () => {
  const { push, bucket, operator } = await world();
  const devices = Array.from({ length: 12 }, (_, index) => `pi-${index}`);
  await push({ "a.yaml": workload("hello", { devices }) });
  const first = await operator();
  await expectScore(bucket, "pi-11.hello", "nginx");
  await push({ "a.yaml": null });
  first.poke();
  const message = await eventually(() => first.health.held);
  expect(message).toContain("held: 12 removals (default/hello from 12 devices)");
  expect(await bucket.score("pi-0.hello")).not.toBeNull();
  await first.close();
  const second = await operator();
  await eventually(() => second.health.held === message);
  const ask = (token: string) => askOperators(bucket.messaging, "confirm", { token }, AbortSignal.timeout(10_000));
  expect(await ask("000000000000")).toMatchObject([{ source: "git:test", done: false }]);
  expect(await ask(/iot confirm (\w+)/.exec(message)?.[1] ?? "")).toMatchObject([{ done: true }]);
  await expectScore(bucket, "pi-0.hello", null);
  await eventually(() => second.health.held === null);
});

test("a device known from its status alone gets no manifest: what it says of itself is no evidence", async () => {
  const { push, bucket, operator } = await world();
  await push({ "README.md": "nothing yet" });
  const running = await operator();
  await bucket.putStatus(statusOf("pi-7", { hello: { revision: 1 } }));
  await push({ "a.yaml": workload("other") });
  running.poke();
  await expectScore(bucket, "pi-1.other", "nginx");
  expect(await bucket.manifest("pi-7")).toBeUndefined();
});

test("what the devices say is reported, of the revision that was written and no other", async () => {
  const { push, bucket, operator } = await world();
  await push({ "a.yaml": workload("hello") });
  const running = await operator();
  const entry = await eventually(async () => (await bucket.manifest("pi-1"))?.deployments["hello"]);
  await bucket.putStatus(statusOf("pi-1", { hello: { revision: entry.revision - 1, phase: "Failed" } }));
  await eventually(() => running.lines.some((line) => line.includes("Progressing")));
  await bucket.putStatus(statusOf("pi-1", { hello: { revision: entry.revision } }));
  await eventually(() => running.lines.some((line) => line.includes("state=ready") && line.includes("1 of 1 runs it")));
  expect(running.lines.filter((line) => line.includes("state=stalled"))).toEqual([]);
});

test("garbage in the bucket is written over where it is ours, and left where it is not", async () => {
  const { push, bucket, operator } = await world();
  await push({ "a.yaml": workload("hello") });
  const { connection } = bucket.messaging;
  for (const [key, bytes] of [
    ["pi-1", "{"],
    ["pi-1.hello", "\u0000\u00ff"],
    ["a.b.c", "x"],
    ["pi-2", "[]"],
  ] as const) {
    await connection.request(`$KV.desired-state.${key}`, bytes);
  }
  const running = await operator();
  await expectScore(bucket, "pi-1.hello", "nginx");
  await eventually(() => running.health.foreignKeys === 1);
  expect(await bucket.manifest("pi-2")).toBeUndefined();
});

test("one device says what nobody can bear, in a bucket that took it: the others are served, and it is reported as one", async () => {
  const { bucket, push, operator } = await world();
  await openStatusStore(bucket.messaging, { log: createLog({ name: "test", write: () => undefined }) });
  const { connection } = bucket.messaging;
  const { config } = (await connection.request("$JS.API.STREAM.INFO.KV_status")).json<{ config: object }>();
  await connection.request("$JS.API.STREAM.UPDATE.KV_status", JSON.stringify({ ...config, description: "by hand", max_msg_size: -1 }));

  const commit = await push({ "hello.yaml": workload("hello", { devices: ["pi-1", "pi-bad"] }) });
  const first = await operator();
  await inStep(first, commit);
  const says = async ({ lines }: RunningOperator, text: string): Promise<void> => {
    await eventually(() => lines.some((line) => line.includes(text)), { what: text, timeoutMs: 20_000 });
  };
  const entry = await eventually(async () => (await bucket.manifest("pi-1"))?.deployments["hello"]);
  await bucket.putStatus(statusOf("pi-1", { hello: { revision: entry.revision } }));
  await says(first, "1 of 2 runs it; 1 is offline");
  await connection.request("$KV.status.pi-bad", `{"services":[${"{},".repeat(84_999)}{}]}`, { timeout: 5_000 });
  const both = "1 of 2 runs it; 1 does not (InvalidStatus on pi-bad: its status cannot be read (has ";
  await says(first, both);
  await connection.request("$KV.status.pi-bad", "[".repeat(100_000) + "]".repeat(100_000), { timeout: 5_000 });
  await bucket.putStatus(statusOf("pi-1", { hello: { revision: entry.revision, phase: "Failed" } }));
  await eventually(() => readiness({ ...first.health, nats: null }).ready);
  await first.close();

  // A restart meets what lies there.
  const second = await operator();
  await says(second, "InvalidStatus on pi-bad");
  await bucket.putStatus(statusOf("pi-1", { hello: { revision: entry.revision } }));
  expect(readiness({ ...second.health, nats: null })).toEqual({ ready: true, version: commit, problems: [] });
});
