// The effect of the manifest and its Scores on a device, over a real NATS and the file variant:
// what is applied, what is removed, and above all what is not.

import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, type NatsServer, startNats } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Central, DEVICE } from "./central.ts";
import { type FileDevice, fileScore, makeFileDevice } from "./file-agent.ts";

let nats: NatsServer;
let central: Central;
let device: FileDevice;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats?.stop());
beforeEach(async () => {
  central = await Central.connect(nats.url);
  device = await makeFileDevice();
});
afterEach(async () => {
  await device[Symbol.asyncDispose]();
  // The next test's device starts with an empty bucket.
  for (const bucket of ["desired-state", "status", "inventory"])
    await central.messaging.connection.request(`$JS.API.STREAM.DELETE.KV_${bucket}`);
  await central.close();
});

const expectContent = (name: string, content: string | null): Promise<true> =>
  eventually(
    async () => {
      const found = await device.content(name);
      return found === content || Promise.reject(new Error(`${name} holds ${found}`));
    },
    { what: `${name} holds ${content}` },
  );
const expectPhase = (name: string, wanted: string) =>
  central.untilStatus(`${name} is ${wanted}`, ({ deployments }) => deployments[name]?.phase === wanted);

test("fields of a later version, in the manifest and in an entry, restart nothing", async () => {
  device.start(nats.url);
  const { hello: revision = 0 } = await central.apply({ hello: fileScore("one") });
  const before = await expectPhase("hello", "Running");
  const written = async (): Promise<number> => (await stat(join(device.folder, "hello.FileV0"))).mtimeMs;
  const writtenAt = await written();
  const entry = { revision, generation: 1, uid: "uid-hello", source: "test", namespace: "default", signature: { by: "ann" } };
  await central.putRawManifest(JSON.stringify({ sources: ["test"], deployments: { hello: entry }, signatures: ["made up"] }));
  const after = await central.untilStatus("it has the manifest", (status) => status.manifestRevision !== before.manifestRevision);
  expect(after.deployments["hello"]).toEqual(before.deployments["hello"]);
  expect(await written()).toBe(writtenAt);
});

test("a Score is applied, changed and removed, and the status says so", async () => {
  device.start(nats.url);
  const { hello: first } = await central.apply({ hello: fileScore("one") });
  await expectContent("hello", "one");
  expect((await expectPhase("hello", "Running")).deployments["hello"]).toMatchObject({
    desiredRevision: first,
    runningRevision: first,
    source: "test",
    generation: 1,
  });

  const { hello: second } = await central.apply({ hello: fileScore("two") });
  await expectContent("hello", "two");
  const status = await central.untilStatus("the status follows", ({ deployments }) => deployments["hello"]?.runningRevision === second);
  expect(status).toMatchObject({ device: DEVICE, deployments: { hello: { phase: "Running", desiredRevision: second } } });
  expect(status.problem).toBeUndefined();

  await central.apply({});
  await expectContent("hello", null);
  await central.untilStatus("it is forgotten", ({ deployments }) => Object.keys(deployments).length === 0);
  expect(await eventually(() => central.inventory())).toMatchObject({
    inventory: { ok: true, value: { labels: { site: "lab" }, capabilities: ["folder"] } },
  });
  expect(device.lines.filter((line) => line.includes("received desired state"))).toHaveLength(2);
});

test("a pass that changes nothing writes no line", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectPhase("hello", "Running");
  const lines = device.lines.length;
  const reportedAt = (await central.status())?.reportedAt;
  await central.untilStatus("two intervals have passed", (status) => Date.parse(status.reportedAt) - Date.parse(reportedAt ?? "") > 1_900);
  expect(device.lines.slice(lines)).toEqual([]);
});

test("what is changed by hand is put right at the next relist", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectPhase("hello", "Running");
  await writeFile(join(device.folder, "hello.FileV0"), "");
  await expectContent("hello", "one");
});

test("a slow deployment holds up no other, and a new Score interrupts it", async () => {
  device.start(nats.url);
  await central.apply({ slow: fileScore("slow", { waitsFor: join(device.stateDir, "never") }), quick: fileScore("quick") });
  await expectContent("quick", "quick");
  await expectPhase("slow", "Starting");
  await central.apply({ slow: fileScore("no longer"), quick: fileScore("quick") });
  await expectContent("slow", "no longer");
});

test("what is blocked goes on when the reason is gone", async () => {
  device.start(nats.url);
  const file = join(device.stateDir, "there");
  await central.apply({ hello: fileScore("one", { blockedWithout: file }) });
  expect((await expectPhase("hello", "Blocked")).deployments["hello"]).toMatchObject({
    reason: "FileMissing",
    message: "a file is missing",
  });
  await mkdir(device.stateDir, { recursive: true });
  await writeFile(file, "");
  await expectContent("hello", "one");
});

test("an entry of a source that has not written stays, and goes when it has", async () => {
  device.start(nats.url);
  await central.apply({ a: { scoreString: fileScore("a"), source: "cluster" }, b: { scoreString: fileScore("b"), source: "git" } }, [
    "cluster",
    "git",
  ]);
  await expectContent("a", "a");
  await expectContent("b", "b");
  await central.apply({ c: { scoreString: fileScore("c"), source: "git" } }, ["git"]);
  await expectContent("c", "c");
  await expectContent("b", null);
  expect(await device.content("a")).toBe("a");
  await expectPhase("c", "Running");
  await expectPhase("a", "Running");
  await central.apply({ c: { scoreString: fileScore("c"), source: "git" } }, ["cluster", "git"]);
  await expectContent("a", null);
});

test("a manifest that is garbage, or deleted, removes nothing and is reported", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectPhase("hello", "Running");
  for (const garbage of ["{", '{"sources":["test"],"deployments":{"hello":{"revision":"x"}}}', "\u0000\u0001", ""]) {
    await central.putRawManifest(garbage);
    await central.untilStatus("the garbage is reported", ({ problem }) => problem?.reason === "InvalidManifest");
  }
  expect(await device.content("hello")).toBe("one");
  await central.apply({ hello: fileScore("one"), more: fileScore("more") });
  await expectContent("more", "more");
  await central.untilStatus("the problem is over", ({ problem }) => problem === undefined);

  await central.messaging.connection.request(
    "$JS.API.STREAM.PURGE.KV_desired-state",
    JSON.stringify({ filter: `$KV.desired-state.${DEVICE}` }),
  );
  await device.stop();
  device.start(nats.url);
  await central.untilStatus("its absence is reported", ({ problem }) => problem?.reason === "NoManifest");
  expect(await device.files()).toEqual(["hello.FileV0", "more.FileV0"]);
});

test("a Score that cannot be applied is Rejected with the reason, and what runs stays", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("zero") });
  await expectPhase("hello", "Running");
  const { hello: first } = await central.apply({ hello: fileScore("one") });
  await central.untilStatus("it runs", ({ deployments }) => deployments["hello"]?.runningRevision === first);
  const cases = [
    ["{not json", "InvalidScore", /cannot be read.*expected JSON/],
    ['{"type":"FileV0","data":{"content":3}}', "InvalidScore", /content: expected text, found 3/],
    ['{"type":"FileV0","data":{"content":"x","more":1}}', "InvalidScore", /more: is not a known field/],
    ['{"type":"OkdApplyV0","data":{}}', "UnknownScoreType", /does not know the Score type "OkdApplyV0" \(it knows FileV0, OtherFileV0\)/],
  ] as const;
  for (const [scoreString, reason, message] of cases) {
    const { hello: revision } = await central.apply({ hello: scoreString });
    const status = await central.untilStatus(
      `rejected: ${scoreString}`,
      ({ deployments }) => deployments["hello"]?.desiredRevision === revision && deployments["hello"]?.phase === "Rejected",
    );
    expect(status.deployments["hello"]).toMatchObject({ reason, runningRevision: first });
    expect(status.deployments["hello"]?.message).toMatch(message);
    expect(status.deployments["hello"]?.message).toContain("; what runs stays");
    expect(await device.content("hello")).toBe("one");
    // … and is kept up: after a loss, and after a restart.
    await rm(join(device.folder, "hello.FileV0"));
    await expectContent("hello", "one");
    await device.stop();
    await rm(join(device.folder, "hello.FileV0"));
    device.start(nats.url);
    await expectContent("hello", "one");
  }
  await central.apply({ hello: fileScore("two") });
  await expectContent("hello", "two");
  await expectPhase("hello", "Running");
});

test("a Score is applied only at the revision that the manifest names", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectPhase("hello", "Running");
  const named = await central.putScore("hello", fileScore("two"));
  const standing = await central.putScore("hello", fileScore("three"));
  await central.apply({ hello: { scoreString: "", revision: named } });
  const pending = await expectPhase("hello", "Pending");
  expect(pending.deployments["hello"]).toMatchObject({ reason: "ScoreNotAtRevision", desiredRevision: named });
  expect(pending.deployments["hello"]?.message).toContain(`at revision ${standing}, the manifest names ${named}`);
  expect(await device.content("hello")).toBe("one");
  await central.apply({ hello: fileScore("three") });
  await expectContent("hello", "three");
});

test("a deployment whose Score changes its type is removed by the one variant and made by the other", async () => {
  device.start(nats.url);
  await central.apply({ hello: fileScore("one") });
  await expectContent("hello", "one");
  await central.apply({ hello: fileScore("two", {}, "OtherFileV0") });
  await eventually(async () => (await device.content("hello", "OtherFileV0")) === "two");
  expect(await device.files()).toEqual(["hello.OtherFileV0"]);
});

test("an agent without memory adopts what is wanted, removes what its source took away, and touches nothing else", async () => {
  const stored = (revision: string) => JSON.stringify({ revision, scoreString: fileScore("one"), content: "one" });
  await writeFile(join(device.folder, "wanted.FileV0"), stored("3 of test"));
  await writeFile(join(device.folder, "gone.FileV0"), stored("4 of test"));
  await writeFile(join(device.folder, "others.FileV0"), stored("5 of elsewhere"));
  await writeFile(join(device.folder, "unlabelled.FileV0"), stored("whatever"));
  await writeFile(join(device.folder, "foreign"), "");
  device.start(nats.url);
  await central.apply({ wanted: fileScore("one") });
  await expectContent("gone", null);
  await expectPhase("wanted", "Running");
  expect(await device.files()).toEqual(["foreign", "others.FileV0", "unlabelled.FileV0", "wanted.FileV0"]);
});
