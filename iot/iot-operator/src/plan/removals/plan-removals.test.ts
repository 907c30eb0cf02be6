// The tables of docs/removal.md, a row a test: what counts as a deletion, and what of it goes. What
// a person says is consent.test.ts's.

import { describe, expect, test } from "vitest";
import { complete, deployment, gitEvidence, NOW_MS } from "../../../test/model-bucket.ts";
import { cluster, deleting, devices, entries, found, judged, planned } from "../../../test/removal-plans.ts";
import type { CompleteSnapshot } from "../../sources/source.ts";
import { EMPTY_RECORD, type How, type RemovalRecord } from "./record.ts";

describe("Kubernetes: what makes an entry leave", () => {
  const one = entries("hello", ["pi-1"]);
  const rows: [what: string, source: CompleteSnapshot, verdict: string][] = [
    ["deleted, its definition and its namespace stand", cluster({ deleting: [deleting("hello")] }), "goes by-name"],
    [
      "deleted with its namespace",
      cluster({ deleting: [deleting("hello")], namespaces: new Map([["default", "terminating"]]) }),
      "goes collective",
    ],
    ["deleted with its definition", cluster({ deleting: [deleting("hello")], crd: "terminating" }), "lost CrdDeleted"],
    ["deleted, and its definition is gone", cluster({ deleting: [deleting("hello")], crd: "gone" }), "lost CrdDeleted"],
    [
      "deleted, and its namespace is gone",
      cluster({ deleting: [deleting("hello")], namespaces: new Map([["default", "gone"]]) }),
      "lost NamespaceGone",
    ],
    ["absent, and not seen before: a finalizer was stripped, etcd restored", cluster({}), "lost NotSeenDeleted"],
    [
      "not listed any more, at a higher generation",
      cluster({ deployments: [deployment("hello", ["pi-9"], { generation: 2 })] }),
      "goes edit",
    ],
    [
      "not listed any more, at the same generation",
      cluster({ deployments: [deployment("hello", ["pi-9"], { generation: 1 })] }),
      "lost SourceWentBack",
    ],
    [
      "another object of its name that does not list the device",
      cluster({ deployments: [deployment("hello", ["pi-9"], { uid: "another", generation: 7 })] }),
      "lost OtherObject",
    ],
    ["deleted, to be kept on the devices", cluster({ deleting: [deleting("hello", { keeps: true })] }), "lost Kept"],
    ["deleted, and what stands around it cannot be read", cluster({ deleting: [deleting("hello")], crd: "unknown" }), "waits"],
    ["deleted, and its namespace was not read", cluster({ deleting: [deleting("hello")], namespaces: new Map() }), "waits"],
  ];
  test.each(rows)("%s", (_what, source, verdict) => {
    expect(found(judged(source, one))).toEqual([`pi-1.hello ${verdict}`]);
  });

  test("asked for, refused or not claimed yet: it stays, and is no removal", () => {
    const refused = {
      uid: "uid-default-hello",
      namespace: "default",
      name: "hello",
      generation: 2,
      reason: "InvalidSpec",
      message: "",
    } as const;
    for (const source of [
      cluster({ deployments: [deployment("hello", ["pi-1"], { uid: "another" })] }),
      { ...cluster({}), refused: [refused] },
      cluster({ deployments: [deployment("hello", ["pi-9"], { generation: 2, isClaimed: false })] }),
    ]) {
      expect(found(judged(source, one))).toEqual([]);
    }
  });

  test("what cannot be reported is looked at again soon", () => {
    const plan = planned(cluster({ deleting: [deleting("hello")], crd: "unknown" }), one);
    expect([plan.isUndecided, plan.recheckAfterMs, plan.isRecordChanged]).toEqual([true, 5_000, false]);
  });
});

describe("git: what makes an entry leave", () => {
  const one = entries("hello", ["pi-1"]);
  const followed: RemovalRecord = { ...EMPTY_RECORD, followed: "c-old" };
  const gave = new Map([["default/hello", new Set(["pi-1"])]]);
  const at = (more: Parameters<typeof gitEvidence>[1]): CompleteSnapshot =>
    complete([], { version: "c-new", evidence: gitEvidence("c-new", { followed: "c-old", gave, ...more }) });
  const unreadable = [{ path: "new.yaml", message: "2:1: expected a map" }];
  const rows: [what: string, source: CompleteSnapshot, verdict: string][] = [
    ["a commit takes it away", at({}), "goes edit"],
    ["the commit before did not have it either", at({ gave: new Map() }), "lost NotSeenDeleted"],
    ["the commit before had it for other devices", at({ gave: new Map([["default/hello", new Set(["pi-9"])]]) }), "lost NotSeenDeleted"],
    ["the branch was forced", at({ lineage: "rewritten" }), "lost HistoryRewritten"],
    ["nothing is known of what was followed", at({ lineage: "first" }), "lost FirstSight"],
    ["a file of the commit cannot be read", at({ unreadable }), "lost UnreadableFiles"],
    [
      "a commit names it in a trailer, and the branch was forced",
      at({ lineage: "rewritten", consents: new Set(["default/hello"]) }),
      "goes consent",
    ],
    ["a trailer names another", at({ lineage: "rewritten", consents: new Set(["plant/hello"]) }), "lost HistoryRewritten"],
    ["the source says nothing", { ...at({}), evidence: null }, "lost NoEvidence"],
    ["another operator followed another commit meanwhile", at({ followed: "c-older" }), "waits"],
  ];
  test.each(rows)("%s", (_what, source, verdict) => {
    expect(found(planned(source, one, { record: followed }))).toEqual([`pi-1.hello ${verdict}`]);
  });

  test("once lost it stays lost, whatever follows; what unreadable files kept goes with the first commit that is all readable", () => {
    for (const [first, last] of [
      [at({ lineage: "rewritten" }), "lost HistoryRewritten"],
      [at({ unreadable }), "goes edit"],
    ] as const) {
      const { record } = planned(first, one, { record: followed });
      expect(record.followed).toBe("c-new");
      const same = planned({ ...first, evidence: gitEvidence("c-new", { followed: "c-new" }) }, one, { record });
      expect([same.isRecordChanged, found(same)[0]?.startsWith("pi-1.hello lost")]).toEqual([false, true]);
      const next = complete([], { version: "c-next", evidence: gitEvidence("c-next", { followed: "c-new" }) });
      expect(found(planned(next, one, { record }))).toEqual([`pi-1.hello ${last}`]);
    }
  });

  test("what is in the bucket and was in no commit is lost: somebody wrote it there", () => {
    const same = complete([], { version: "c-old", evidence: gitEvidence("c-old", { followed: "c-old" }) });
    expect(found(planned(same, one, { record: followed }))).toEqual(["pi-1.hello lost NotSeenDeleted"]);
  });
});

describe("how long a gathering lasts", () => {
  const has = [...entries("a", ["pi-1"]), ...entries("b", ["pi-1"]), ...entries("c", ["pi-1"])];
  const wanted = deployment("z", devices(100));
  const gone = (...names: string[]): CompleteSnapshot =>
    cluster({
      deployments: [wanted, ...["a", "b", "c"].filter((name) => !names.includes(name)).map((name) => deployment(name, ["pi-1"]))],
      deleting: names.map((name) => deleting(name)),
    });

  test("0.7 s after a first deletion, when no second comes", () => {
    const first = planned(gone("a"), has);
    expect(first.recheckAfterMs).toBe(700);
    expect(planned(gone("a"), has, { record: first.record, nowMs: NOW_MS + 699 }).verdicts.get("pi-1.a")?.kind).toBe("waits");
    expect(planned(gone("a"), has, { record: first.record, nowMs: NOW_MS + 700 }).verdicts.get("pi-1.a")?.kind).toBe("goes");
  });

  test("3 s after the last when others come", () => {
    const { record } = planned(gone("a"), has);
    const second = planned(gone("a", "b"), has, { record, nowMs: NOW_MS + 500 });
    expect(second.recheckAfterMs).toBe(3_000);
    const third = planned(gone("a", "b", "c"), has, { record: second.record, nowMs: NOW_MS + 3_000 });
    expect(third.recheckAfterMs).toBe(3_000);
    expect(found(judged(gone("a", "b", "c"), has, third.record, NOW_MS + 6_000))).toHaveLength(3);
  });

  test("3 s also for one, when something was removed in the last 30 s", () => {
    const { record } = judged(gone("a"), has);
    const rest = has.filter(({ name }) => name !== "a");
    expect(planned(gone("a", "b"), rest, { record, nowMs: NOW_MS + 29_000 }).recheckAfterMs).toBe(3_000);
    expect(planned(gone("a", "b"), rest, { record, nowMs: NOW_MS + 31_000 }).recheckAfterMs).toBe(700);
  });

  test("at most 60 s, however long they come", () => {
    const many = Array.from({ length: 40 }, (_, index) => `n${index}`);
    const all = many.flatMap((name) => entries(name, ["pi-1"]));
    let record = EMPTY_RECORD;
    const judgedAt = many.findIndex((_, index) => {
      const source = cluster({ deployments: [wanted], deleting: many.slice(0, index + 1).map((name) => deleting(name)) });
      const plan = planned(source, all.slice(0, index + 1), { record, nowMs: NOW_MS + index * 2_000 });
      record = plan.record;
      return record.held.length > 0;
    });
    expect(judgedAt * 2_000).toBe(60_000);
  });
});

describe("what goes, and what is held", () => {
  interface Row {
    /** Entries of each object that leaves. */
    readonly gone: readonly number[];
    readonly how?: Exclude<How, "consent">;
    /** Entries that stay. */
    readonly stays: number;
    readonly recent?: { readonly counted: number; readonly uncounted?: number };
  }
  const rows: [what: string, row: Row, verdict: "goes" | "held", counted: boolean][] = [
    ["one by name", { gone: [1], stays: 5 }, "goes", false],
    ["one by name, the only one of the source", { gone: [5], stays: 0 }, "goes", false],
    ["one by name of 30 devices of 100 entries", { gone: [30], stays: 70 }, "goes", false],
    ["one by name of 30 devices of 40 entries", { gone: [30], stays: 10 }, "held", false],
    ["a second by name of 30 devices of 100 entries", { gone: [30], stays: 70, recent: { counted: 0, uncounted: 1 } }, "held", false],
    ["a second by name of 10 devices", { gone: [10], stays: 20, recent: { counted: 0, uncounted: 1 } }, "goes", true],
    ["two by name, of one device each", { gone: [1, 1], stays: 5 }, "goes", true],
    ["ten by name", { gone: Array.from({ length: 10 }, () => 1), stays: 1 }, "goes", true],
    ["eleven by name of 20", { gone: Array.from({ length: 11 }, () => 1), stays: 9 }, "held", false],
    ["twelve by name of 60: a fifth", { gone: Array.from({ length: 12 }, () => 1), stays: 48 }, "goes", true],
    ["ten by edit", { gone: [10], how: "edit", stays: 5 }, "goes", true],
    ["eight by edit, after eight", { gone: [8], how: "edit", stays: 14, recent: { counted: 8 } }, "held", false],
    ["two by edit, after eight", { gone: [2], how: "edit", stays: 14, recent: { counted: 8 } }, "goes", true],
    ["a namespace of one", { gone: [1], how: "collective", stays: 5 }, "goes", true],
    ["a namespace of thirty", { gone: Array.from({ length: 30 }, () => 1), how: "collective", stays: 20 }, "held", false],
    ["all of a source of three", { gone: [1, 1, 1], stays: 0 }, "held", false],
    ["all of a source of three by edit", { gone: [3], how: "edit", stays: 0 }, "held", false],
    ["all of a source of two", { gone: [2], how: "edit", stays: 0 }, "goes", true],
  ];
  test.each(rows)("%s", (_what, { gone, how = "by-name", stays, recent = { counted: 0 } }, verdict, counted) => {
    const names = gone.map((_, index) => `gone-${index}`);
    const has = [...gone.flatMap((count, index) => entries(`gone-${index}`, devices(count))), ...entries("stays", devices(stays))];
    const removed = (count: number, isCounted: boolean) =>
      entries("past", devices(count)).map((entry) => ({
        ...entry,
        atMs: NOW_MS - 60_000,
        how: "edit" as const,
        counted: isCounted,
        due: false,
        why: "",
      }));
    const record = { ...EMPTY_RECORD, removed: [...removed(recent.counted, true), ...removed(recent.uncounted ?? 0, false)] };
    const standing = stays === 0 ? [] : [deployment("stays", devices(stays))];
    const source =
      how === "edit"
        ? cluster({
            deployments: [...standing, ...names.map((name) => deployment(name, stays === 0 ? [] : ["elsewhere"], { generation: 2 }))],
          })
        : cluster({
            deployments: standing,
            deleting: names.map((name) => deleting(name)),
            namespaces: new Map([["default", how === "collective" ? "terminating" : "present"]]),
          });
    const plan = judged(source, has, record);
    expect([...plan.verdicts.values()].map(({ kind }) => kind)).toEqual(Array.from(has.slice(0, has.length - stays), () => verdict));
    const fresh = plan.record.removed.filter(({ due }) => due);
    expect(fresh.every((entry) => entry.counted === counted)).toBe(true);
  });

  test("after ten minutes a removal does not count any more", () => {
    const removed = entries("past", devices(10)).map((entry) => ({
      ...entry,
      atMs: NOW_MS,
      how: "edit" as const,
      counted: true,
      due: false,
      why: "",
    }));
    const record = { ...EMPTY_RECORD, removed };
    const has = [...entries("hello", devices(2)), ...entries("stays", devices(3))];
    const source = cluster({ deployments: [deployment("stays", devices(3)), deployment("hello", ["pi-9"], { generation: 2 })] });
    expect(judged(source, has, record, NOW_MS + 590_000).record.held).toHaveLength(2);
    const later = judged(source, has, record, NOW_MS + 600_000).record;
    expect([later.held.length, later.removed.length]).toEqual([0, 2]);
  });

  test("24 pruned one a second: the first goes, 23 are held", () => {
    const names = Array.from({ length: 24 }, (_, index) => `n${index}`);
    const stays = deployment("stays", devices(6));
    let record = EMPTY_RECORD;
    let has = [...names.flatMap((name) => entries(name, ["pi-1"])), ...entries("stays", devices(6))];
    for (let ms = 0; ms <= 40_000; ms += 100) {
      const deleted = names.slice(0, Math.floor(ms / 1_000) + 1);
      const standing = names.slice(deleted.length).map((name) => deployment(name, ["pi-1"]));
      const source = cluster({ deployments: [stays, ...standing], deleting: deleted.map((name) => deleting(name)) });
      const plan = planned(source, has, { record, nowMs: NOW_MS + ms });
      record = plan.record;
      has = has.filter(({ device, name }) => plan.verdicts.get(`${device}.${name}`)?.kind !== "goes");
    }
    expect(has).toHaveLength(23 + 6);
    expect(record.held).toHaveLength(23);
  });
});
