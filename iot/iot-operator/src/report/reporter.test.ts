// What the source is reported, and when an object that is being deleted may go.

import type { Clock } from "@harmony/runtime";
import { asDeviceId, type DeviceStatus, readStatus } from "@iot/contracts";
import { expect, test } from "vitest";
import { complete, deployment, ModelBucket, planFor } from "../../test/model-bucket.ts";
import { statusOf } from "../../test/status-of.ts";
import { PROGRESS_DEADLINE_SECONDS } from "@iot/fleet";
import { Reporter } from "./reporter.ts";
import type { CompleteSnapshot } from "../sources/source.ts";

const SOURCE = "git:test";

class Subject {
  nowMs = 1_000_000;
  readonly bucket = new ModelBucket();
  readonly reporter: Reporter;

  constructor() {
    const clock: Clock = { now: () => this.nowMs, monotonicMs: () => this.nowMs, sleep: () => Promise.resolve() };
    this.reporter = new Reporter({ sourceId: SOURCE, clock });
  }

  /** Applies one plan, or as much of it, and lets the reporter know what there is then. */
  settle(source: CompleteSnapshot, stepsToApply = Infinity): void {
    const planned = () => planFor(this.bucket, source, { sourceId: SOURCE });
    this.bucket.apply(planned().steps.slice(0, stepsToApply));
    this.reporter.settle({ source, desired: this.bucket.snapshot(), plan: planned() });
  }

  hear(status: DeviceStatus, ageMs = 0): boolean {
    const device = asDeviceId(status.device);
    return this.reporter.hear({ device, receivedAtMs: 5_000 - ageMs, nowMs: 5_000, status: { ok: true, value: status } });
  }

  get results() {
    return this.reporter.results();
  }
}

test("reports nothing before a pass has settled", () => {
  expect(new Subject().results).toBeNull();
});

test("reports the string that stands in the bucket, and what the devices say of it", () => {
  const subject = new Subject();
  const hello = deployment("hello", ["pi-1", "pi-2"], { generation: 3 });
  subject.settle(complete([hello]));
  expect(
    subject.hear(statusOf("pi-1", { hello: { revision: subject.bucket.manifest("pi-1")?.deployments["hello"]?.revision ?? 0 } })),
  ).toBe(false);
  expect(subject.results).toMatchObject([
    {
      uid: hello.uid,
      generation: 3,
      scoreString: hello.scoreString,
      aggregate: { devices: 2, running: 1, offline: 1 },
      conditions: { Ready: { status: "True", message: "1 of 2 runs it; 1 is offline and will follow" } },
    },
  ]);
});

test("a status is news for the next pass when a mark of a removal may have done its duty", () => {
  const subject = new Subject();
  subject.settle(complete([deployment("hello", ["pi-1"])]));
  subject.settle(complete([]));
  subject.settle(complete([]));
  expect(subject.hear(statusOf("pi-1", { hello: { revision: 1, source: SOURCE } }))).toBe(true);
  expect(subject.hear(statusOf("pi-1", { hello: { revision: 1, source: SOURCE } }))).toBe(false);
  expect(subject.hear(statusOf("pi-1", {}))).toBe(true);
  expect(subject.hear(statusOf("pi-2", {}))).toBe(false);
});

test("a device goes offline by the age that the server says, without another event", () => {
  const subject = new Subject();
  subject.settle(complete([deployment("hello", ["pi-1"])]));
  subject.hear(statusOf("pi-1", {}), 60_000);
  expect(subject.results?.[0]?.aggregate).toMatchObject({ pending: 1, offline: 0 });
  subject.nowMs += 41_000;
  expect(subject.results?.[0]?.aggregate).toMatchObject({ pending: 0, offline: 1 });
});

test("the deadline counts from the last progress, and anew for another generation", () => {
  const subject = new Subject();
  subject.settle(complete([deployment("hello", ["pi-1"])]));
  const stalled = (): string | undefined => subject.results?.[0]?.conditions.Stalled.status;
  expect(stalled()).toBe("False");
  subject.nowMs += PROGRESS_DEADLINE_SECONDS * 1_000 + 1;
  expect(stalled()).toBe("True");
  subject.settle(complete([deployment("hello", ["pi-1"], { generation: 2, scoreString: "new" })]));
  expect(stalled()).toBe("False");
});

test("a refused object says why, and what still runs of it", () => {
  const subject = new Subject();
  const hello = deployment("hello", ["pi-1"]);
  subject.settle(complete([hello]));
  const refused = {
    uid: hello.uid,
    namespace: "default",
    name: "hello",
    generation: 2,
    reason: "InvalidSpec",
    message: "spec.score: is missing",
  } as const;
  subject.settle(complete([], { refused: [refused] }));
  expect(subject.results).toMatchObject([
    {
      generation: 2,
      scoreString: hello.scoreString,
      aggregate: { devices: 1 },
      conditions: { Stalled: { status: "True", reason: "InvalidSpec", message: "spec.score: is missing" } },
    },
  ]);
});

test("an object whose removal is held says so, and how to go on", () => {
  const subject = new Subject();
  const devices = Array.from({ length: 12 }, (_, index) => `pi-${index}`);
  const hello = deployment("hello", devices);
  subject.settle(complete([hello]));
  const deleting = [{ uid: hello.uid, namespace: "default", name: "hello", generation: 2 }];
  subject.settle(complete([], { deleting }));
  subject.settle(complete([], { deleting }));
  expect(subject.results).toMatchObject([
    { uid: hello.uid, generation: 2, aggregate: { devices: 12 }, conditions: { Stalled: { status: "True", reason: "RemovalHeld" } } },
  ]);
  expect(subject.results?.[0]?.conditions.Ready.message).toMatch(/iot confirm [0-9a-f]{12}, or the annotation/);
});

test("an object that waits for its finalizer says so, and what runs of it", () => {
  const subject = new Subject();
  const hello = deployment("hello", ["pi-1"]);
  subject.settle(complete([hello]));
  subject.settle(complete([{ ...hello, isClaimed: false }]));
  expect(subject.results).toMatchObject([
    { scoreString: hello.scoreString, aggregate: { devices: 1 }, conditions: { Stalled: { status: "True", reason: "FinalizerMissing" } } },
  ]);
});

test("a device that cries its words anew each second costs each Deployment a few small reports", () => {
  const subject = new Subject();
  const names = Array.from({ length: 30 }, (_, index) => `app-${index}`);
  const sources = names.map((name) => deployment(name, ["pi-1"]));
  subject.settle(complete(sources));
  const seen = new Map<string, Set<string>>();
  for (let second = 0; second < 60; second += 1) {
    subject.nowMs += 1_000;
    const words = { reason: `R${second}`, message: `${second}: \u001b[2J${"x".repeat(60_000)}`, since: "2026-01-01T00:00:00Z" };
    const status = readStatus(new TextEncoder().encode(JSON.stringify({ ...statusOf("pi-1", {}), problem: words })));
    subject.reporter.hear({ device: asDeviceId("pi-1"), receivedAtMs: 5_000, nowMs: 5_000, status });
    for (const { uid, ...result } of subject.results ?? []) {
      const texts = seen.get(uid) ?? new Set();
      seen.set(uid, texts.add(JSON.stringify(result)));
    }
  }
  expect(seen.size).toBe(30);
  for (const texts of seen.values()) {
    expect(texts.size).toBeLessThanOrEqual(7);
    for (const text of texts) expect(text.length).toBeLessThan(8 * 1024);
    expect([...texts].join("")).not.toContain("\\u001b");
  }
});

test("a status that cannot be read is a failure of a bounded length, and the other devices are counted", () => {
  const subject = new Subject();
  subject.settle(complete([deployment("hello", ["pi-1", "pi-2"])]));
  const unreadable = readStatus(new TextEncoder().encode(`{"services":[${"{},".repeat(6_000)}{}]}`));
  subject.reporter.hear({ device: asDeviceId("pi-1"), receivedAtMs: 5_000, nowMs: 5_000, status: unreadable });
  subject.hear(statusOf("pi-2", { hello: { revision: subject.bucket.manifest("pi-2")?.deployments["hello"]?.revision ?? 0 } }));
  const aggregate = subject.results?.[0]?.aggregate;
  expect(aggregate).toMatchObject({ running: 1, failed: 1, failures: [{ reason: "InvalidStatus", examples: ["pi-1"] }] });
  expect(aggregate?.failures[0]?.message.length).toBeLessThanOrEqual(1_024);
});

test("a device that leaves a Deployment is not counted in it any more, and one that joins is", () => {
  const subject = new Subject();
  subject.settle(complete([deployment("hello", ["pi-1", "pi-2"])]));
  subject.hear(statusOf("pi-1", { hello: { revision: subject.bucket.manifest("pi-1")?.deployments["hello"]?.revision ?? 0 } }));
  expect(subject.results?.[0]?.aggregate).toMatchObject({ devices: 2, running: 1, offline: 1 });
  subject.hear(statusOf("pi-3", {}));
  subject.settle(complete([deployment("hello", ["pi-2", "pi-3"], { generation: 2 })]));
  expect(subject.results?.[0]?.aggregate).toMatchObject({ devices: 2, running: 0, pending: 1, offline: 1 });
});

test("a new revision in the bucket makes a report of the old one no answer, without a status", () => {
  const subject = new Subject();
  subject.settle(complete([deployment("hello", ["pi-1"])]));
  subject.hear(statusOf("pi-1", { hello: { revision: subject.bucket.manifest("pi-1")?.deployments["hello"]?.revision ?? 0 } }));
  expect(subject.results?.[0]?.aggregate).toMatchObject({ running: 1 });
  subject.settle(complete([deployment("hello", ["pi-1"], { generation: 2, scoreString: "new" })]));
  expect(subject.results?.[0]).toMatchObject({ scoreString: "new", aggregate: { running: 0, pending: 1 } });
});

test("a second in which nothing came makes the same objects again", () => {
  const subject = new Subject();
  subject.settle(complete([deployment("hello", ["pi-1"])]));
  const [before] = subject.results ?? [];
  subject.nowMs += 1_000;
  expect(subject.results?.[0]).toBe(before);
});
