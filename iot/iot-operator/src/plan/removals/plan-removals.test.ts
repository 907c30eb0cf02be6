// The tables of docs/removal.md, a row a test: what counts as a deletion, and what of it goes.

import { asDeploymentName, asDeviceId } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import { complete, deployment, gitEvidence, NOW_MS } from "../../../test/model-bucket.ts";
import type { CompleteSnapshot, DeletingObject, KubernetesEvidence, SourceDeployment } from "../../sources/source.ts";
import type { ManifestedEntry } from "./classify.ts";
import { confirm, keep } from "./consent.ts";
import { planRemovals, type RemovalsPlan } from "./plan-removals.ts";
import { decodeRecord, EMPTY_RECORD, encodeRecord, type How, type RemovalRecord, tokenOf } from "./record.ts";
import { heldText, lostText } from "./words.ts";

const devices = (count: number): string[] => Array.from({ length: count }, (_, index) => `pi-${index}`);

function entries(name: string, on: readonly string[], more: Partial<ManifestedEntry> = {}): ManifestedEntry[] {
  const uid = `uid-default-${name}`;
  return on.map((device) => ({
    device: asDeviceId(device),
    name: asDeploymentName(name),
    namespace: "default",
    uid,
    generation: 1,
    ...more,
  }));
}

function deleting(name: string, more: Partial<DeletingObject> = {}): DeletingObject {
  return { uid: `uid-default-${name}`, namespace: "default", name, generation: 2, isClaimed: true, ...more };
}

interface Cluster extends Partial<Omit<KubernetesEvidence, "kind">> {
  readonly deployments?: readonly SourceDeployment[];
  readonly deleting?: readonly DeletingObject[];
}

function cluster({ deployments = [], deleting: gone = [], crd = "present", namespaces }: Cluster): CompleteSnapshot {
  const evidence: KubernetesEvidence = { kind: "kubernetes", crd, namespaces: namespaces ?? new Map([["default", "present"]]) };
  return complete(deployments, { deleting: gone, evidence });
}

function planned(
  source: CompleteSnapshot,
  has: readonly ManifestedEntry[],
  { record = EMPTY_RECORD, nowMs = NOW_MS }: { record?: RemovalRecord; nowMs?: number } = {},
): RemovalsPlan {
  return planRemovals({ source, entries: has, record, nowMs });
}

/** The same looked at until its gathering has ended. */
function judged(
  source: CompleteSnapshot,
  has: readonly ManifestedEntry[],
  record: RemovalRecord = EMPTY_RECORD,
  nowMs = NOW_MS,
): RemovalsPlan {
  const first = planned(source, has, { record, nowMs });
  if (first.recheckAfterMs === null) return first;
  return planned(source, has, { record: first.record, nowMs: nowMs + first.recheckAfterMs });
}

/** What became of it, and why or how. */
function found({ verdicts, record }: RemovalsPlan): string[] {
  return [...verdicts].map(([key, { kind }]) => {
    const how = [...record.removed.filter(({ due }) => due), ...record.held].find(({ device, name }) => `${device}.${name}` === key)?.how;
    const reason = record.lost.find(({ device, name }) => `${device}.${name}` === key)?.reason;
    return `${key} ${kind}${how === undefined ? "" : ` ${how}`}${reason === undefined ? "" : ` ${reason}`}`;
  });
}

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
    const refused = { uid: "uid-default-hello", namespace: "default", name: "hello", generation: 2, reason: "InvalidSpec", message: "" };
    for (const source of [
      cluster({ deployments: [deployment("hello", ["pi-1"], { uid: "another" })] }),
      { ...cluster({}), refused: [refused] },
      cluster({ deployments: [deployment("hello", ["pi-9"], { generation: 2, isClaimed: false })] }),
    ]) {
      expect(found(judged(source, one))).toEqual([]);
    }
  });

  test("what cannot be told is looked at again soon", () => {
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
    ["the source tells nothing", { ...at({}), evidence: null }, "lost NoEvidence"],
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

describe("what was judged", () => {
  const has = [...entries("hello", devices(12)), ...entries("stays", ["pi-1"])];
  const stays = deployment("stays", ["pi-1"]);
  const gone = cluster({ deployments: [stays], deleting: [deleting("hello")] });
  const held = judged(gone, has).record;

  test("is held until a person says, also when its object is gone and ten minutes are over", () => {
    expect(held.held).toHaveLength(12);
    const later = planned(cluster({ deployments: [stays] }), has, { record: held, nowMs: NOW_MS + 3_600_000 });
    expect([later.isRecordChanged, later.record.held.length]).toEqual([false, 12]);
  });

  test("goes by its token, and by no other", () => {
    expect(heldText(held)).toContain(`iot confirm ${tokenOf(held.held)} removes`);
    expect(confirm(held, "000000000000", { nowMs: NOW_MS, by: "ann" })).toBeNull();
    const confirmed = confirm(held, tokenOf(held.held), { nowMs: NOW_MS, by: "ann" });
    expect(confirmed?.record.held).toEqual([]);
    const plan = planned(gone, has, { record: confirmed?.record ?? EMPTY_RECORD });
    expect([...plan.verdicts.values()].map(({ kind }) => kind)).toEqual(Array.from({ length: 12 }, () => "goes"));
    expect(plan.record.removed[0]?.why).toBe("confirmed by ann");
  });

  test("goes by its token in the annotation of the object, those of this object alone", () => {
    const two = [...entries("other", devices(12)), ...has];
    const both = cluster({ deployments: [stays], deleting: [deleting("hello"), deleting("other")] });
    const { record } = judged(both, two);
    expect(record.held).toHaveLength(24);
    const token = tokenOf(record.held.filter(({ name }) => name === "hello"));
    const said = cluster({ deployments: [stays], deleting: [deleting("hello", { confirms: token }), deleting("other")] });
    const plan = planned(said, two, { record });
    expect(plan.record.held.every(({ name }) => name === "other")).toBe(true);
    expect([...plan.verdicts.values()].filter(({ kind }) => kind === "goes")).toHaveLength(12);
  });

  test("is kept by name or by namespace, and lost then", () => {
    expect(keep(held, {}, "ann")).toBeNull();
    expect(keep(held, { name: "other" }, "ann")).toBeNull();
    for (const wanted of [{ name: "hello" }, { name: "default/hello" }, { namespace: "default" }]) {
      const record = keep(held, wanted, "ann")?.record ?? EMPTY_RECORD;
      const plan = planned(gone, has, { record });
      expect([plan.record.held.length, plan.record.lost.length, plan.record.lost[0]?.reason]).toEqual([0, 12, "Kept"]);
      expect(plan.isRecordChanged).toBe(false);
    }
  });

  test("is lost until it is asked for again, or a person lets it go", () => {
    const vanished = cluster({ deployments: [stays] });
    const { record } = planned(vanished, has);
    const token = tokenOf(record.lost);
    expect(lostText(record)).toContain(`iot confirm ${token} removes`);
    const later = planned(vanished, has, { record, nowMs: NOW_MS + 365 * 86_400_000 });
    expect([later.isRecordChanged, later.record.lost.length]).toEqual([false, 12]);
    const back = planned(cluster({ deployments: [stays, deployment("hello", devices(12))] }), has, { record });
    expect([back.verdicts.size, back.record.lost]).toEqual([0, []]);
    const said = cluster({ deployments: [deployment("stays", ["pi-1"], { confirms: token })] });
    for (const plan of [
      planned(said, has, { record }),
      planned(vanished, has, { record: confirm(record, token, { nowMs: NOW_MS, by: "ann" })?.record ?? EMPTY_RECORD }),
    ]) {
      expect(found(plan)).toEqual(Array.from({ length: 12 }, (_, index) => `pi-${index}.hello goes consent`));
    }
  });

  test("is kept by the annotation of the object", () => {
    const said = cluster({ deployments: [stays], deleting: [deleting("hello", { keeps: true })] });
    expect(found(planned(said, has, { record: held }))[0]).toBe("pi-0.hello lost Kept");
  });

  test("leaves every list when it is wanted again, by whatever object", () => {
    const again = cluster({ deployments: [stays, deployment("hello", devices(12), { uid: "another" })] });
    const plan = planned(again, has, { record: held });
    expect([plan.verdicts.size, plan.record.held.length, plan.isRecordChanged]).toEqual([0, 0, true]);
  });

  test("is carried out by whoever finds it due; wanted in between it is not due any more", () => {
    const few = [...entries("hello", ["pi-2"]), ...entries("stays", ["pi-1"])];
    const { record } = judged(gone, few);
    const killed = planned(cluster({ deployments: [stays] }), few, { record });
    expect([found(killed), killed.isRecordChanged]).toEqual([["pi-2.hello goes by-name"], false]);
    const wanted = planned(cluster({ deployments: [stays, deployment("hello", ["pi-2"])] }), few, { record });
    expect(wanted.isRecordChanged).toBe(true);
    expect(found(planned(cluster({ deployments: [stays] }), few, { record: wanted.record }))).toEqual(["pi-2.hello lost NotSeenDeleted"]);
  });

  test("is written and read again as it was", () => {
    const gathering = planned(cluster({ deleting: [deleting("hello")] }), entries("hello", ["pi-1"])).record;
    for (const record of [held, gathering, confirm(held, tokenOf(held.held), { nowMs: NOW_MS, by: "ann" })?.record ?? held]) {
      expect(decodeRecord(encodeRecord("id", record))).toEqual(record);
    }
  });

  describe("has room for what a bucket takes: what has none is counted, stays, and is judged no second time", () => {
    const long = (name: string): ManifestedEntry[] =>
      entries(
        name,
        Array.from({ length: 20_000 }, (_, index) => `device-of-a-long-name-${index}`),
      );
    const many = [...long("hello"), ...long("other")];
    const asWritten = (plan: RemovalsPlan): RemovalRecord => decodeRecord(encodeRecord("id", plan.record));

    test.each<[string, CompleteSnapshot, "held" | "lost"]>([
      ["lost", cluster({}), "lost"],
      ["held", cluster({ deleting: [deleting("hello"), deleting("other")] }), "held"],
    ])("%s", (_, source, kind) => {
      const first = judged(source, many);
      const document = encodeRecord("id", first.record);
      expect(JSON.stringify(document).length).toBeLessThan(1_000_000);
      const fits = document[kind].reduce((sum, each) => sum + each.devices.length, 0);
      expect([fits > 25_000, document.more]).toEqual([true, 40_000 - fits]);
      expect(asWritten(first)).toEqual(first.record);
      expect((kind === "held" ? heldText : lostText)(first.record)).toContain(
        `, and ${40_000 - fits} more for which the record has no room`,
      );
      // As another operator reads the manifests.
      for (const all of [many, many.toReversed()]) {
        const next = planned(source, all, { record: asWritten(first), nowMs: NOW_MS + 60_000 });
        expect([next.isRecordChanged, next.recheckAfterMs, [...next.verdicts.values()].every((each) => each.kind === kind)]).toEqual([
          false,
          null,
          true,
        ]);
      }
    });

    test("held: what is confirmed makes room for the rest, and a deletion meanwhile is held with it", () => {
      const source = cluster({ deleting: [deleting("hello"), deleting("other")] });
      const { record } = judged(source, many);
      const confirmed = confirm(record, tokenOf(record.held), { nowMs: NOW_MS, by: "ann" })?.record ?? EMPTY_RECORD;
      const going = new Set(record.held.map(({ device, name }) => `${device}.${name}`));
      const rest = many.filter(({ device, name }) => !going.has(`${device}.${name}`));
      const after = planned(source, rest, { record: confirmed, nowMs: NOW_MS + 601_000 });
      expect([after.record.held.length, after.record.removed.length, after.record.more]).toEqual([rest.length, 0, 0]);
    });
  });
});
