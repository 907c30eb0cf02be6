// A store that is full: it is reported with its cure, it holds up nobody who needs no more room,
// and what a person takes out of the source makes room in it again.

import { createLog, systemClock } from "@harmony/runtime";
import { askOperators, openSourceRecords } from "@iot/messaging";
import { eventually, makeGitRepository, startNats } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import * as z from "zod/mini";
import { readiness } from "../src/http/http.ts";
import { storeProblem } from "../src/http/health.ts";
import { type Bucket, expectScore, openBucket, runOperator } from "./running-operator.ts";
import { workload } from "./workload.ts";

const CURE = "raise max_file_store";
const large = (name: string, devices: readonly string[]): string => workload(name, { image: `large:${"x".repeat(100_000)}`, devices });
const many = Array.from({ length: 20 }, (_, index) => `pi-${index}`);

/** The operator's clock, which a test may set on. */
function movedClock() {
  let aheadMs = 0;
  return {
    clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs },
    pass: (ms: number) => void (aheadMs += ms),
  };
}

/** Sets a limit of a stream, as `nats stream edit` does. */
async function limiting(
  { messaging: { connection } }: Bucket,
  stream: string,
  limit: "max_bytes" | "max_msg_size" = "max_bytes",
): Promise<(bytes: number) => Promise<void>> {
  const Info = z.looseObject({ config: z.looseObject({}) });
  const { config } = Info.parse((await connection.request(`$JS.API.STREAM.INFO.${stream}`)).json());
  return async (bytes) => {
    const changed = JSON.stringify({ ...config, [limit]: bytes });
    Info.parse((await connection.request(`$JS.API.STREAM.UPDATE.${stream}`, changed)).json());
  };
}

async function world(config: string) {
  const nats = await startNats({ config });
  onTestFinished(() => nats.stop());
  const repository = await makeGitRepository();
  onTestFinished(() => repository.remove());
  const bucket = await openBucket(nats.url);
  const push = async (files: Readonly<Record<string, string | null>>): Promise<string> => {
    const commit = await repository.commit(files);
    await repository.push();
    return commit;
  };
  const { clock, pass } = movedClock();
  const operator = () => runOperator({ natsUrl: nats.url, gitUrl: repository.url, clock });
  return { nats, bucket, push, operator, pass };
}

test(
  "a rollout that does not fit is reported, and taking it back makes room, with nobody's hand on the server",
  { timeout: 60_000 },
  async () => {
    const { bucket, push, operator, pass } = await world(
      `jetstream { store_dir: "./js", max_file_store: 1500000, max_memory_store: 1000000 }`,
    );
    await push({ "small.yaml": workload("small", { devices: ["pi-0", "pi-99"] }) });
    const running = await operator();
    await expectScore(bucket, "pi-99.small", "web");
    await push({ "large.yaml": large("large", many) });
    running.poke();
    await eventually(() => storeProblem(running.health) !== null, { what: "the store is full", timeoutMs: 20_000 });
    expect(storeProblem(running.health)).toContain(CURE);
    expect(readiness(running.health)).toMatchObject({
      ready: false,
      problems: expect.arrayContaining([storeProblem(running.health)]) as unknown,
    });
    expect(await askOperators(bucket.messaging, "state", { source: "git:test" }, AbortSignal.timeout(5_000))).toEqual([
      { source: "git:test", done: true, message: storeProblem(running.health) },
    ]);
    expect(await bucket.manifest("pi-99")).toMatchObject({ deployments: { small: {} } });

    const commit = await push({ "large.yaml": null, "small.yaml": workload("small", { devices: ["pi-99"] }) });
    running.poke();
    await eventually(() => running.health.sourceVersion === commit, { what: "it has looked at what is left" });
    pass(61_000);
    running.poke();
    await eventually(() => storeProblem(running.health) === null && running.health.inStep, {
      what: "there is room again",
      timeoutMs: 20_000,
    });
    await eventually(async () => (await bucket.manifest("pi-0"))?.deployments["small"] === undefined, {
      what: "what was taken back is gone",
    });
    const { scores } = await bucket.snapshot();
    expect([...scores].filter(([, { scoreString }]) => scoreString !== null).map(([key]) => key)).toEqual(["pi-99.small"]);
    expect(readiness({ ...running.health, nats: null })).toMatchObject({ ready: true, problems: [] });
  },
);

test("a rollout taken back with nothing else to write: it is reported until the room is there", { timeout: 60_000 }, async () => {
  const { bucket, push, operator, pass } = await world(
    `jetstream { store_dir: "./js", max_file_store: 1500000, max_memory_store: 1000000 }`,
  );
  await push({ "small.yaml": workload("small", { devices: ["pi-99"] }) });
  const running = await operator();
  await expectScore(bucket, "pi-99.small", "web");
  await push({ "large.yaml": large("large", many) });
  running.poke();
  await eventually(() => storeProblem(running.health) !== null, { what: "the store is full", timeoutMs: 20_000 });
  const commit = await push({ "large.yaml": null });
  running.poke();
  await eventually(() => running.health.sourceVersion === commit, { what: "it is taken back" });
  expect(storeProblem(running.health)).toContain(CURE);
  pass(61_000);
  running.poke();
  await eventually(() => storeProblem(running.health) === null, { what: "there is room again", timeoutMs: 20_000 });
  const { scores } = await bucket.snapshot();
  expect([...scores].filter(([, { scoreString }]) => scoreString !== null).map(([key]) => key)).toEqual(["pi-99.small"]);
});

test("a limit of the bucket holds up only what does not fit; raised, all goes on", { timeout: 60_000 }, async () => {
  const { bucket, push, operator } = await world("");
  await push({ "small.yaml": workload("small", { devices: ["pi-1"] }) });
  const running = await operator();
  await expectScore(bucket, "pi-1.small", "web");
  const limitTo = await limiting(bucket, "KV_desired-state");
  await limitTo(50_000);
  await push({ "large.yaml": large("large", ["pi-2"]), "small.yaml": workload("small", { image: "web:2", devices: ["pi-1", "pi-3"] }) });
  running.poke();
  await expectScore(bucket, "pi-1.small", "web:2");
  await expectScore(bucket, "pi-3.small", "web:2");
  await eventually(() => storeProblem(running.health)?.includes("nats stream edit KV_desired-state") === true, { what: "it is reported" });
  await limitTo(-1);
  running.poke();
  await expectScore(bucket, "pi-2.large", "large:");
  await eventually(() => storeProblem(running.health) === null, { what: "it is over" });
});

test("a manifest that is too large is said where people look, holds up no other device, and is forgotten when it fits", async () => {
  const { bucket, push, operator } = await world("");
  const two = (name: string): string => workload(name, { devices: ["pi-1", "pi-2"] });
  const crowd = Array.from({ length: 30 }, (_, index) => `crowd-${index}`);
  await push({ "a.yaml": two("first"), "b.yaml": workload("second", { devices: ["pi-3"] }) });
  const running = await operator();
  await expectScore(bucket, "pi-2.first", "web");
  await (
    await limiting(bucket, "KV_desired-state", "max_msg_size")
  )(2_000);
  await push({ "crowd.yaml": crowd.map((name) => workload(name, { devices: ["pi-1"] })).join("---\n"), "b.yaml": two("second") });
  running.poke();
  await eventually(async () => (await bucket.manifest("pi-2"))?.deployments["second"], { what: "the other device has it" });
  await eventually(() => running.health.refused !== null && running.health.inStep, { what: "it is said" });
  expect(running.health).toMatchObject({
    refused: expect.stringMatching(/pi-1": larger than .*fewer Deployments/) as unknown,
    refusedDevices: 1,
  });
  expect(storeProblem(running.health)).toBeNull();
  expect(readiness({ ...running.health, nats: null })).toMatchObject({ ready: true, problems: [running.health.refused] });
  const records = await openSourceRecords(bucket.messaging, { log: createLog({ name: "test", write: () => undefined }) });
  onTestFinished(() => records.close());
  const problem = async () => (await records.observe(new AbortController().signal)).get("git:test")?.state.document?.problem;
  await eventually(async () => (await problem()) === running.health.refused, { what: "iot status says it" });
  expect(Object.keys((await bucket.manifest("pi-1"))?.deployments ?? {})).toEqual(["first"]);

  await push({ "crowd.yaml": null });
  running.poke();
  await eventually(async () => (await bucket.manifest("pi-1"))?.deployments["second"], { what: "what fits is there" });
  await eventually(async () => running.health.refused === null && (await problem()) === null, { what: "it is forgotten" });
  expect(readiness({ ...running.health, nats: null })).toMatchObject({ ready: true, problems: [] });
});

test("where there is no room for what is said of the source, it is said, and forgotten when there is", async () => {
  const { bucket, push, operator } = await world("");
  await push({ "small.yaml": workload("small", { devices: ["pi-1"] }) });
  const running = await operator();
  await expectScore(bucket, "pi-1.small", "web");
  await eventually(() => running.health.inStep, { what: "all is written" });
  const limitTo = await limiting(bucket, "KV_sources");
  await limitTo(1);
  // More is said than before: what is no longer fits into the place of what was.
  await push({ "wrong.yaml": "a: [", "small.yaml": workload("small", { image: "web:2", devices: ["pi-1"] }) });
  running.poke();
  await expectScore(bucket, "pi-1.small", "web:2");
  await eventually(() => storeProblem(running.health)?.includes("nats stream edit KV_sources"), { what: "it is said", timeoutMs: 15_000 });
  await limitTo(-1);
  await push({ "wrong.yaml": null });
  running.poke();
  await eventually(() => storeProblem(running.health) === null, { what: "it is over", timeoutMs: 15_000 });
  await eventually(() => running.health.sourceProblem === null, { what: "the source is read" });
  expect(readiness({ ...running.health, nats: null })).toMatchObject({ ready: true, problems: [] });
});
