// Whose a source is, over a real bucket of sources: two clusters that were given one id, and a
// source that ended. Which cluster it is is the source's word; here two repositories say it.

import { createLog } from "@harmony/runtime";
import { askOperators, openSourceRecords } from "@iot/messaging";
import { eventually, type GitRepository, makeGitRepository, type NatsServer, startNats } from "@iot/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Bucket, expectScore, openBucket, type RunningOperator, runOperator } from "./running-operator.ts";
import { workload } from "./workload.ts";

let nats: NatsServer;
let bucket: Bucket;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats?.stop());

const ask = (verb: "adopt" | "forget", source: string) => askOperators(bucket.messaging, verb, { source }, AbortSignal.timeout(10_000));

async function repository(files: Readonly<Record<string, string>>): Promise<GitRepository> {
  const made = await makeGitRepository();
  onTestFinished(() => made.remove());
  await made.commit(files);
  await made.push();
  return made;
}

test("two clusters with one id: the second writes nothing until a person says that it takes over, and then the first writes nothing", async () => {
  bucket = await openBucket(nats.url);
  const [ours, theirs] = [
    await repository({ "a.yaml": workload("hello", { image: "ours:1" }) }),
    await repository({ "a.yaml": workload("hello", { image: "theirs:1" }), "b.yaml": workload("other") }),
  ];
  const cluster = ({ url }: GitRepository, clusterUid: string): Promise<RunningOperator> =>
    runOperator({ natsUrl: nats.url, gitUrl: url, sourceId: "kubernetes:prod", clusterUid });
  const first = await cluster(ours, "c1");
  await expectScore(bucket, "pi-1.hello", "ours:1");
  const second = await cluster(theirs, "c2");
  await eventually(() => second.health.ownerProblem?.startsWith("OtherCluster: source kubernetes:prod is that of cluster c1"));

  await ours.commit({ "a.yaml": workload("hello", { image: "ours:2" }) });
  await ours.push();
  first.poke();
  await expectScore(bucket, "pi-1.hello", "ours:2");
  second.poke();
  expect([first.health.ownerProblem, second.health.writes]).toEqual([null, 0]);
  expect(await bucket.score("pi-1.other")).toBeNull();

  expect((await ask("adopt", "kubernetes:prod")).filter(({ done }) => done)).toHaveLength(1);
  await expectScore(bucket, "pi-1.hello", "theirs:1");
  await expectScore(bucket, "pi-1.other", "nginx");
  await ours.commit({ "a.yaml": workload("hello", { image: "ours:3" }) });
  await ours.push();
  first.poke();
  await eventually(() => first.health.ownerProblem?.startsWith("OtherCluster: source kubernetes:prod is that of cluster c2"));
  expect(await bucket.score("pi-1.hello")).toContain("theirs:1");
});

test("a source that ended is forgotten, and what the devices have of it stays", async () => {
  bucket = await openBucket(nats.url);
  const ended = await runOperator({
    natsUrl: nats.url,
    gitUrl: (await repository({ "a.yaml": workload("stays", { devices: ["pi-7"] }) })).url,
    sourceId: "git:ended",
  });
  await eventually(async () => (await bucket.manifest("pi-7"))?.deployments["stays"]);
  await ended.close();
  await runOperator({ natsUrl: nats.url, gitUrl: (await repository({ "README.md": "words" })).url, sourceId: "git:lives" });
  const records = await openSourceRecords(bucket.messaging, { log: createLog({ name: "test", write: () => undefined }) });
  onTestFinished(() => records.close());
  const known = async () => (await records.observe(new AbortController().signal)).get("git:ended")?.state;
  expect((await ask("forget", "git:ended")).some(({ done }) => done)).toBe(false);
  const state = await eventually(known);
  if (state.document === null) throw new Error("there is no record of git:ended");
  // Ten minutes without a word of it.
  const lastSeen = new Date(records.nowMs() - 600_000).toISOString();
  expect(await records.putState({ ...state.document, lastSeen }, state.revision)).toMatchObject({ ok: true });
  expect(await ask("forget", "git:ended")).toContainEqual({
    source: "git:lives",
    done: true,
    message: "git:lives forgets git:ended; what the devices have of it stays",
  });
  await eventually(async () => ((await known())?.document ?? null) === null);
  expect((await bucket.manifest("pi-7"))?.deployments["stays"]).toMatchObject({ source: "git:ended" });
  expect(await bucket.score("pi-7.stays")).not.toBeNull();
});
