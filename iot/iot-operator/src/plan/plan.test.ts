// What is written, in which order, and what never is.

import { asDeviceId, type ManifestEntry } from "@iot/contracts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { complete, deployment, ModelBucket, planFor, settle, writesOf } from "../../test/model-bucket.ts";
import type { DesiredStatePlan } from "./plan.ts";
import type { SourceDeployment } from "../sources/source.ts";

const WRONG = { reason: "InvalidSpec", message: "" } as const;

const SOURCE = "git:ours";
const OTHER = "kubernetes:theirs";
const pi = asDeviceId("pi-1");

function kinds(planned: DesiredStatePlan): string[] {
  return writesOf(planned).map(
    (step) => `${step.kind} ${step.kind === "put-manifest" ? step.device : `${step.device}.${step.deployment}`}`,
  );
}

function entry(name: string, more: Partial<ManifestEntry> = {}): ManifestEntry {
  return { revision: 1, generation: 1, uid: `uid-default-${name}`, source: SOURCE, namespace: "default", ...more };
}

describe("what is written", () => {
  test("a new deployment: the score, then the manifest that names its revision", () => {
    const bucket = new ModelBucket();
    const planned = planFor(bucket, complete([deployment("hello", ["pi-1"])]));
    expect(kinds(planned)).toEqual(["put-score pi-1.hello", "put-manifest pi-1"]);
    bucket.apply(planned.steps);
    expect(bucket.manifest("pi-1")).toEqual({
      sources: [SOURCE],
      deployments: { hello: entry("hello", { createdAt: "2026-01-01T00:00:00Z", observedAt: "2026-03-01T00:00:00.000Z" }) },
      removed: {},
    });
  });

  test("nothing when everything is as it should be", () => {
    const bucket = new ModelBucket();
    const source = complete([deployment("hello", ["pi-1", "pi-2"]), deployment("other", ["pi-2"])]);
    settle(bucket, source);
    expect(planFor(bucket, source).steps).toEqual([]);
    expect(kinds(planFor(bucket, complete(source.deployments)))).toEqual([]);
  });

  test("only what a process that died between score and manifest left undone", () => {
    const bucket = new ModelBucket();
    const source = complete([deployment("hello", ["pi-1"])]);
    bucket.apply(planFor(bucket, source).steps.slice(0, 2));
    expect(kinds(planFor(bucket, source))).toEqual(["put-manifest pi-1"]);
  });

  test("a removal: the record, the manifest with a mark, then the score", () => {
    const bucket = new ModelBucket();
    settle(bucket, complete([deployment("hello", ["pi-1"])]));
    const gone = complete([]);
    const planned = planFor(bucket, gone);
    expect(planned.steps[0]?.kind).toBe("put-record");
    expect(kinds(planned)).toEqual(["put-manifest pi-1", "remove-score pi-1.hello"]);
    settle(bucket, gone);
    const mark = {
      uid: "uid-default-hello",
      namespace: "default",
      source: SOURCE,
      generation: 1,
      at: "2026-03-01T00:00:00.000Z",
      why: `commit ${gone.version} takes it away`,
    };
    expect(bucket.manifest("pi-1")).toEqual({ sources: [SOURCE], deployments: {}, removed: { hello: mark } });
    expect(bucket.score("pi-1.hello")).toBeNull();
  });

  test("the mark stays until the device has it no longer at that revision, or it is wanted again", () => {
    const bucket = new ModelBucket();
    settle(bucket, complete([deployment("hello", ["pi-1"]), deployment("other", ["pi-1"])]));
    const gone = complete([]);
    settle(bucket, gone);
    const revision = bucket.snapshot().manifests.get(pi)?.revision ?? 0;
    const said = (at: number, ...names: string[]) => ({ reported: new Map([[pi, { manifestRevision: at, deployments: new Set(names) }]]) });
    expect(kinds(planFor(bucket, gone, said(revision, "hello", "other")))).toEqual([]);
    expect(kinds(planFor(bucket, gone, said(revision - 1)))).toEqual([]);
    settle(bucket, gone, said(revision, "hello"));
    expect(Object.keys(bucket.manifest("pi-1")?.removed ?? {})).toEqual(["hello"]);
    settle(bucket, complete([deployment("hello", ["pi-1"])]));
    expect(bucket.manifest("pi-1")?.removed).toEqual({});
  });

  test("nothing for a device that only ever reported", () => {
    const reported = new Map([[pi, { manifestRevision: null, deployments: new Set(["hello"]) }]]);
    expect(kinds(planFor(new ModelBucket(), complete([]), { reported }))).toEqual([]);
  });

  test("a push that changes nothing of a deployment does not touch its entry", () => {
    const bucket = new ModelBucket();
    settle(bucket, complete([deployment("hello", ["pi-1"], { commit: "a", generation: 1 })]));
    expect(kinds(planFor(bucket, complete([deployment("hello", ["pi-1"], { commit: "b", generation: 2 })])))).toEqual([]);
  });

  test("fields that others set on an entry stay when it changes", () => {
    const bucket = new ModelBucket();
    bucket.putScore("pi-1.hello", "old", 0);
    bucket.putManifest(
      pi,
      { sources: [SOURCE], deployments: { hello: entry("hello", { restartedAt: "2026-02-02T00:00:00Z" }) }, later: 1 },
      0,
    );
    settle(bucket, complete([deployment("hello", ["pi-1"])]));
    expect(bucket.manifest("pi-1")).toMatchObject({
      later: 1,
      deployments: { hello: { restartedAt: "2026-02-02T00:00:00Z", revision: 3 } },
    });
  });

  test("a manifest that does not parse is written anew, listing only this source", () => {
    const bucket = new ModelBucket();
    bucket.spoilManifest(pi);
    settle(bucket, complete([deployment("hello", ["pi-1"])]));
    expect(bucket.manifest("pi-1")?.sources).toEqual([SOURCE]);
  });
});

describe("what is not ours", () => {
  const theirs = entry("theirs", { source: OTHER, uid: "x" });

  test("stays, byte for byte", () => {
    const bucket = new ModelBucket();
    bucket.putScore("pi-1.theirs", "score", 0);
    bucket.putManifest(pi, { sources: [OTHER], deployments: { theirs } }, 0);
    settle(bucket, complete([deployment("hello", ["pi-1"])]));
    settle(bucket, complete([]));
    expect(bucket.manifest("pi-1")).toMatchObject({ sources: [OTHER, SOURCE] });
    expect(bucket.manifest("pi-1")?.deployments).toEqual({ theirs });
    expect(bucket.score("pi-1.theirs")).toBe("score");
  });

  test("a name that another source holds is a conflict that names it", () => {
    const bucket = new ModelBucket();
    bucket.putScore("pi-1.hello", "score", 0);
    bucket.putManifest(pi, { sources: [OTHER, SOURCE], deployments: { hello: { ...theirs, namespace: "prod" } } }, 0);
    const planned = planFor(bucket, complete([deployment("hello", ["pi-1"])]));
    expect(kinds(planned)).toEqual([]);
    expect(planned.blocked).toEqual([
      {
        subject: "uid-default-hello",
        reason: "NameConflict",
        message: `prod/hello of ${OTHER} already has the name hello on pi-1: rename one of the two, or let each have devices of its own`,
      },
    ]);
  });

  test("a device of other sources that never reported gets no manifest from us", () => {
    const bucket = new ModelBucket();
    bucket.putManifest(pi, { sources: [OTHER], deployments: { theirs } }, 0);
    expect(kinds(planFor(bucket, complete([])))).toEqual([]);
  });

  test("under an id of an earlier version is: it is written anew, and goes when it is deleted", () => {
    const bucket = new ModelBucket();
    bucket.putScore("pi-1.hello", deployment("hello", []).scoreString, 0);
    bucket.putManifest(pi, { sources: [OTHER], deployments: { hello: { ...theirs, namespace: "default" } } }, 0);
    const formerIds = [OTHER];
    settle(bucket, complete([deployment("hello", ["pi-1"])]), { formerIds });
    expect(bucket.manifest("pi-1")?.deployments).toMatchObject({ hello: { source: SOURCE, revision: 1 } });
    settle(bucket, complete([]), { formerIds });
    expect(bucket.manifest("pi-1")?.deployments).toEqual({});
  });

  test("is taken over by namespace and name when a person says so", () => {
    const bucket = new ModelBucket();
    bucket.putScore("pi-1.hello", deployment("hello", []).scoreString, 0);
    bucket.putManifest(pi, { sources: [OTHER], deployments: { hello: { ...theirs, namespace: "default" }, theirs } }, 0);
    settle(bucket, complete([deployment("hello", ["pi-1"])]), { adopts: new Set([OTHER]) });
    expect(bucket.manifest("pi-1")?.deployments).toMatchObject({ hello: { source: SOURCE, revision: 1 }, theirs });
    const other = settle(bucket, complete([deployment("theirs", ["pi-1"], { namespace: "plant" })]), { adopts: new Set([OTHER]) });
    expect(other.blocked).toMatchObject([{ reason: "NameConflict" }]);
  });
});

describe("two of one name", () => {
  test("the older keeps it, whichever is read first", () => {
    const old = deployment("hello", ["pi-1"], { namespace: "b", createdAt: "2026-01-01T00:00:00Z", scoreString: "old" });
    const young = deployment("hello", ["pi-1", "pi-2"], { namespace: "a", createdAt: "2026-01-02T00:00:00Z", scoreString: "young" });
    for (const deployments of [
      [old, young],
      [young, old],
    ]) {
      const bucket = new ModelBucket();
      const { blocked } = settle(bucket, complete(deployments));
      expect([bucket.score("pi-1.hello"), bucket.score("pi-2.hello")]).toEqual(["old", "young"]);
      expect(blocked.map(({ subject, reason }) => [subject, reason])).toEqual([[young.uid, "NameConflict"]]);
    }
  });

  test("the one that has it keeps it, older or not", () => {
    const young = deployment("hello", ["pi-1"], { namespace: "a", createdAt: "2026-01-02T00:00:00Z", scoreString: "young" });
    const old = deployment("hello", ["pi-1"], { namespace: "b", createdAt: "2026-01-01T00:00:00Z", scoreString: "old" });
    const bucket = new ModelBucket();
    settle(bucket, complete([young]));
    expect(settle(bucket, complete([young, old])).blocked).toMatchObject([{ subject: old.uid, reason: "NameConflict" }]);
    expect(bucket.score("pi-1.hello")).toBe("young");
  });

  test("of one age, the one that has it keeps it", () => {
    const first = deployment("hello", ["pi-1"], { namespace: "zebra", scoreString: "first" });
    const second = deployment("hello", ["pi-1"], { namespace: "ant", scoreString: "second" });
    const bucket = new ModelBucket();
    settle(bucket, complete([first]));
    settle(bucket, complete([second, first]));
    expect(bucket.score("pi-1.hello")).toBe("first");
  });

  test("the other gets it when the first goes", () => {
    const first = deployment("hello", ["pi-1"], { namespace: "a", scoreString: "first" });
    const second = deployment("hello", ["pi-1"], { namespace: "b", scoreString: "second" });
    const bucket = new ModelBucket();
    settle(bucket, complete([first, second]));
    const { blocked } = settle(bucket, complete([second]));
    expect(blocked).toEqual([]);
    expect(bucket.score("pi-1.hello")).toBe("second");
    // The device removes the first by this, before it starts the second.
    expect(bucket.manifest("pi-1")).toMatchObject({
      deployments: { hello: { namespace: "b" } },
      removed: { hello: { uid: first.uid, namespace: "a" } },
    });
  });
});

describe("what stays as it is", () => {
  test("what runs of a refused deployment, and its name", () => {
    const bucket = new ModelBucket();
    settle(bucket, complete([deployment("hello", ["pi-1"])]));
    const refused = { uid: "uid-default-hello", namespace: "default", name: "hello", generation: 2, ...WRONG };
    const planned = planFor(bucket, complete([deployment("hello", ["pi-1"], { namespace: "young" })], { refused: [refused] }));
    expect(kinds(planned)).toEqual([]);
    expect(planned.blocked[0]).toMatchObject({ subject: "uid-young-hello", reason: "NameConflict" });
  });

  test("an entry of a later generation than was read, unless the origin itself was asked", () => {
    const bucket = new ModelBucket();
    settle(bucket, complete([deployment("hello", ["pi-1"], { generation: 7, scoreString: "new" })]));
    const stale = complete([deployment("hello", ["pi-1"], { generation: 5, scoreString: "old" })]);
    const planned = planFor(bucket, stale);
    expect(kinds(planned)).toEqual([]);
    expect(planned.blocked).toMatchObject([{ subject: "uid-default-hello", reason: "OlderGeneration" }]);
    settle(bucket, { ...stale, authoritative: true });
    expect(bucket.score("pi-1.hello")).toBe("old");
  });

  test("a recreated object starts over at a lower generation", () => {
    const bucket = new ModelBucket();
    settle(bucket, complete([deployment("hello", ["pi-1"], { generation: 7, scoreString: "old" })]));
    settle(bucket, complete([deployment("hello", ["pi-1"], { uid: "another", generation: 1, scoreString: "new" })]));
    expect(bucket.score("pi-1.hello")).toBe("new");
  });
});

describe("what is held", () => {
  const names = Array.from({ length: 30 }, (_, index) => `d${index}`);
  const all = names.map((name) => deployment(name, ["pi-1"]));

  test("stays, what is new on its device waits with it, what changes goes on", () => {
    const bucket = new ModelBucket();
    settle(bucket, complete(all));
    const changed = deployment("d0", ["pi-1"], { generation: 2, scoreString: "changed" });
    const { removals } = settle(bucket, complete([changed, deployment("new", ["pi-1"]), deployment("new", ["pi-2"])]));
    expect(removals.record.held).toHaveLength(29);
    expect(Object.keys(bucket.manifest("pi-1")?.deployments ?? {}).toSorted()).toEqual(names.toSorted());
    expect(bucket.score("pi-1.d0")).toBe("changed");
  });

  test("goes when the bucket was wiped and nothing of it is there", () => {
    const bucket = new ModelBucket();
    settle(bucket, complete(all));
    const { record } = settle(bucket, complete([])).removals;
    expect(record.held).toHaveLength(30);
    const wiped = new ModelBucket();
    wiped.putRecord(record, 0);
    expect(settle(wiped, complete([])).removals.record.held).toEqual([]);
  });
});

describe("scores that no manifest names", () => {
  function orphaned(): ModelBucket {
    const bucket = new ModelBucket();
    settle(bucket, complete([deployment("hello", ["pi-1"])]));
    bucket.apply(planFor(bucket, complete([])).steps.slice(0, 2));
    return bucket;
  }

  test("are left alone while another operator may be about to name them", () => {
    const planned = planFor(orphaned(), complete([]));
    expect(kinds(planned)).toEqual([]);
    expect(planned.orphans).toEqual(["pi-1.hello@1"]);
  });

  test("go when they are abandoned, or when their object is being deleted", () => {
    const abandoned = new Set(["pi-1.hello@1"]);
    expect(kinds(planFor(orphaned(), complete([]), { abandoned }))).toEqual(["remove-score pi-1.hello"]);
    const deleting = [{ uid: "u", namespace: "default", name: "hello" }];
    expect(kinds(planFor(orphaned(), complete([], { deleting })))).toEqual(["remove-score pi-1.hello"]);
  });
});

describe("from any bucket", () => {
  const devices = ["pi-1", "pi-2", "pi-3"];
  const names = ["a", "b", "constructor"];
  const someDeployment: fc.Arbitrary<SourceDeployment> = fc
    .record({
      name: fc.constantFrom(...names),
      namespace: fc.constantFrom("x", "y"),
      devices: fc.uniqueArray(fc.constantFrom(...devices), { minLength: 1 }),
      generation: fc.integer({ min: 1, max: 3 }),
      score: fc.constantFrom("s1", "s2"),
      createdAt: fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    })
    .map(({ name, devices: targets, namespace, generation, score, createdAt }) =>
      deployment(name, targets, { namespace, generation, scoreString: score, createdAt }),
    );
  const someSource = fc
    .uniqueArray(someDeployment, { selector: ({ uid }) => uid, maxLength: 6 })
    .chain((deployments) =>
      fc.record({ authoritative: fc.boolean(), refusals: fc.constantFrom(0, 1), deployments: fc.constant(deployments) }),
    )
    .map(({ deployments, authoritative, refusals }) => {
      const refused = deployments.slice(0, refusals).map((one) => ({ ...one, ...WRONG }));
      return complete(deployments.slice(refusals), { refused, authoritative });
    });
  const someWrite = fc.record({
    device: fc.constantFrom(...devices),
    names: fc.uniqueArray(fc.constantFrom(...names)),
    source: fc.constantFrom(SOURCE, OTHER),
    listed: fc.boolean(),
    spoiled: fc.integer({ min: 0, max: 9 }),
    scores: fc.constantFrom("s1", "s3", null),
  });
  const someReports = fc
    .uniqueArray(fc.constantFrom(...devices))
    .map((known) => new Map(known.map((device) => [asDeviceId(device), { manifestRevision: 1, deployments: new Set(["a"]) }])));

  function someBucket(writes: readonly (typeof someWrite extends fc.Arbitrary<infer Write> ? Write : never)[]): ModelBucket {
    const bucket = new ModelBucket();
    for (const { device, names: own, source, listed, spoiled, scores } of writes) {
      const id = asDeviceId(device);
      if (spoiled === 0) {
        bucket.spoilManifest(id);
        continue;
      }
      for (const name of own)
        bucket.putScore(`${device}.${name}`, scores, bucket.snapshot().scores.get(`${device}.${name}`)?.revision ?? 0);
      const before = bucket.manifest(device) ?? { sources: [], deployments: {} };
      const added = Object.fromEntries(
        own.map((name) => [name, entry(name, { source, uid: `uid-x-${name}`, namespace: "x", generation: 2 })]),
      );
      const sources = listed && !before.sources.includes(source) ? [...before.sources, source] : before.sources;
      bucket.putManifest(
        id,
        { sources, deployments: { ...before.deployments, ...added } },
        bucket.snapshot().manifests.get(id)?.revision ?? 0,
      );
    }
    return bucket;
  }

  function others(bucket: ModelBucket): unknown {
    return devices.map((device) => Object.entries(bucket.manifest(device)?.deployments ?? {}).filter(([, { source }]) => source === OTHER));
  }

  test("plans cut short after any step converge, leave others' entries as they are, and name only scores that are there", () => {
    fc.assert(
      fc.property(
        fc.array(someWrite, { maxLength: 6 }),
        someSource,
        someReports,
        fc.array(fc.nat(8), { maxLength: 4 }),
        (writes, source, reported, cuts) => {
          const bucket = someBucket(writes);
          const before = others(bucket);
          for (const cut of cuts) bucket.apply(planFor(bucket, source, { reported }).steps.slice(0, cut));
          const results = bucket.apply(planFor(bucket, source, { reported }).steps);
          expect(results.every(({ ok }) => ok)).toBe(true);
          const { steps, blocked } = planFor(bucket, source, { reported });
          expect(steps).toEqual([]);
          expect(others(bucket)).toEqual(before);
          const stuck = new Set(blocked.map(({ subject }) => subject));
          const { scores } = bucket.snapshot();
          for (const one of source.deployments.filter(({ uid }) => !stuck.has(uid))) {
            for (const device of one.targetDevices) {
              const held = bucket.manifest(device)?.deployments[one.name];
              expect(held).toMatchObject({ uid: one.uid, source: SOURCE });
              expect(scores.get(`${device}.${one.name}`)).toEqual({ revision: held?.revision, scoreString: one.scoreString });
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
