import type { Manifest } from "@iot/contracts";
import { asDeploymentName } from "@iot/contracts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { remember, REMOVED_KEPT, type RemovedNames } from "./removed-before.ts";
import type { DeploymentRecord } from "./state-store.ts";
import { unlistedWorkloads, type Records, takeManifest } from "./take-manifest.ts";

const entry = (revision: number, source = "git") => ({ revision, generation: 1, uid: "u", source, namespace: "default" });
const record = (revision: number, more: Partial<DeploymentRecord> = {}): DeploymentRecord => ({
  entry: entry(revision),
  score: { revision, scoreString: `score ${revision}` },
  removing: false,
  ...more,
});
const records = (all: Record<string, DeploymentRecord>) =>
  new Map(Object.entries(all).map(([name, each]) => [asDeploymentName(name), each]));
const manifest = (deployments: Manifest["deployments"], sources = ["git"]): Manifest => ({ sources, deployments });
const still = { refetchScores: false, removed: [] };

describe("a name that passes to another workload", () => {
  const own = { ...entry(3), uid: "u", namespace: "default" };
  const other = { ...entry(4), uid: "o", namespace: "shop" };
  const elsewhere = { ...entry(4, "cluster"), uid: "o" };
  const mark = { uid: "u", namespace: "default", at: "2026-01-01T00:00:00Z", why: "deleted" };
  const goes = { remove: ["a"], fetch: [], kept: [] };
  const waits = { remove: [], fetch: [], kept: [] };
  const isItsOwn = { remove: [], fetch: ["a"], kept: [] };
  const stays = { remove: [], fetch: [], kept: [{ name: "a", source: "git" }] };
  test.each<[string, Partial<DeploymentRecord>, Manifest["deployments"][string], Manifest["removed"], object]>([
    ["of another namespace, with the mark of the first: the first goes", {}, other, { a: mark }, goes],
    ["of another namespace, by an operator of 0.1: the first goes", {}, other, undefined, goes],
    ["of another namespace, without a mark: the first stays", {}, other, {}, stays],
    ["of another namespace, with a mark for another object: the first stays", {}, other, { a: { ...mark, uid: "x" } }, stays],
    ["of another namespace, with a mark from before it was asked for again: it stays", {}, other, { a: { ...mark, generation: 0 } }, stays],
    ["of another namespace, while the first goes: it waits", { removing: true }, other, {}, waits],
    ["of another source, which takes it over: it goes on", {}, elsewhere, {}, isItsOwn],
    ["of another source, with the mark of the first: the first goes", {}, elsewhere, { a: mark }, goes],
    ["of another source, with a mark for another object: it goes on", {}, elsewhere, { a: { ...mark, uid: "x" } }, isItsOwn],
    ["of another source, while the first goes: it waits", { removing: true }, elsewhere, {}, waits],
    ["of the same source, which wants it again while it goes: it goes on", { removing: true }, entry(4), {}, isItsOwn],
    ["of another uid, as an object that was made again: it goes on", {}, { ...entry(4), uid: "o" }, {}, isItsOwn],
    ["of a namespace that nobody knows: it goes on", { entry: { ...own, namespace: "" } }, other, {}, isItsOwn],
  ])("%s", (_, more, after, removed, expected) => {
    const before = records({ a: record(3, { entry: own, ...more }) });
    const named = { ...manifest({ a: after }), ...(removed === undefined ? {} : { removed }) };
    expect(takeManifest(before, named, still)).toMatchObject(expected);
  });
});

describe("a manifest", () => {
  test.each([
    [
      "that names what is in hand changes nothing",
      { a: record(3) },
      manifest({ a: entry(3) }),
      { fetch: [], remove: [], touch: [], kept: [] },
    ],
    ["that names a new one has it read", {}, manifest({ a: entry(3) }), { fetch: ["a"], touch: [] }],
    ["that names another revision has it read", { a: record(3) }, manifest({ a: entry(4) }), { fetch: ["a"], remove: [] }],
    ["that names a lower revision has it read", { a: record(3) }, manifest({ a: entry(2) }), { fetch: ["a"], remove: [] }],
    [
      "of a bucket that was filled anew: the revision repeats, the generation does not, so it is read",
      { a: record(3) },
      manifest({ a: { ...entry(3), generation: 2 } }),
      { fetch: ["a"], touch: ["a"] },
    ],
    [
      "with a field of a later version changes nothing but that it is looked at",
      { a: record(3) },
      manifest({ a: { ...entry(3), signature: "s" } }),
      { fetch: [], remove: [], touch: ["a"], kept: [] },
    ],
    ["that does not name one of its source removes it", { a: record(3) }, manifest({}), { remove: ["a"], kept: [] }],
    [
      "keeps what is of a source that has not written",
      { a: record(3) },
      manifest({}, ["cluster"]),
      { remove: [], kept: [{ name: "a", source: "git" }] },
    ],
    ["that nobody has written in removes nothing", { a: record(3) }, manifest({}, []), { remove: [] }],
    ["does not begin a removal twice", { a: record(3, { removing: true }) }, manifest({}), { remove: [], kept: [] }],
    ["takes one back that was being removed", { a: record(3, { removing: true }) }, manifest({ a: entry(3) }), { fetch: [], touch: ["a"] }],
    [
      "that moves a name to another source changes its owner",
      { a: record(3) },
      manifest({ a: entry(3, "cluster") }, ["cluster"]),
      { remove: [], touch: ["a"] },
    ],
  ])("%s", (_, before, after, expected) => {
    expect(takeManifest(records(before), after, still)).toMatchObject(expected);
  });

  test("keeps the fields of a later version with the entry", () => {
    const later = { ...entry(3), signature: { by: "ann", over: 3 } };
    expect(takeManifest(records({ a: record(3) }), manifest({ a: later }), still).records.get(asDeploymentName("a"))?.entry).toEqual(later);
  });

  test("keeps the Score in hand until the new one is read", () => {
    const { records: after } = takeManifest(records({ a: record(3) }), manifest({ a: entry(4) }), still);
    expect(after.get(asDeploymentName("a"))).toEqual({ entry: entry(4), score: { revision: 3, scoreString: "score 3" }, removing: false });
  });

  test("from a store that went back has every Score read, since revisions repeat", () => {
    expect(takeManifest(records({ a: record(3) }), manifest({ a: entry(3) }), { ...still, refetchScores: true }).fetch).toEqual(["a"]);
  });
});

const at = "2026-01-01T00:00:00Z";
const mark = (uid = "u") => ({ uid, at, why: "deleted in git" });
/** The manifest of an operator that says what is to go. */
const saying = (deployments: Manifest["deployments"], removed: Manifest["removed"] = {}): Manifest => ({
  sources: ["git"],
  deployments,
  removed,
});
const dead = (name: string, generation = 1, uid = "u"): RemovedNames => [{ name, uid, generation, at }];

describe("a manifest that says what is to go", () => {
  const staying = { remove: [], kept: [{ name: "a", source: "git" }] };
  test.each([
    ["keeps what is merely absent, and says so once", { a: record(3) }, saying({}), { ...staying, touch: ["a"] }],
    ["has said so before", { a: record(3, { unnamed: true }) }, saying({}), { ...staying, touch: [] }],
    ["removes what it says", { a: record(3), b: record(4) }, saying({ b: entry(4) }, { a: mark() }), { remove: ["a"], kept: [] }],
    ["removes what it did not name before", { a: record(3, { unnamed: true }) }, saying({}, { a: mark() }), { remove: ["a"], kept: [] }],
    ["keeps what another object of that name was", { a: record(3) }, saying({}, { a: mark("other") }), staying],
    ["keeps what was asked for again since", { a: record(3) }, saying({}, { a: { ...mark(), generation: 0 } }), staying],
    ["removes what it had before too", { a: record(3) }, saying({}, { a: { ...mark(), generation: 2 } }), { remove: ["a"], kept: [] }],
    ["keeps what it both names and says is to go", { a: record(3) }, saying({ a: entry(3) }, { a: mark() }), { remove: [], kept: [] }],
    ["keeps what nobody knows the uid of", { a: record(3, { entry: { ...entry(3), uid: "" } }) }, saying({}, { a: mark("") }), staying],
    ["keeps what the device was sent under another id", { a: record(3, { was: "pi-0" }) }, saying({}, { a: mark() }), staying],
    ["takes no second time out what goes", { a: record(3, { removing: true }) }, saying({}, { a: mark() }), { remove: [], kept: [] }],
    ["wants again what it did not name", { a: record(3, { unnamed: true }) }, saying({ a: entry(3) }), { fetch: [], touch: ["a"] }],
    ["takes over by name what was another id's", { a: record(3, { was: "pi-0" }) }, saying({ a: entry(3) }), { fetch: [], touch: ["a"] }],
    ["knows no name that every object has", { constructor: record(3) }, saying({}), { remove: [], touch: ["constructor"] }],
  ])("%s", (_, before, after, expected) => {
    expect(takeManifest(records(before), after, still)).toMatchObject(expected);
  });

  test("of an operator of 0.1 keeps what the device was sent under another id, too", () => {
    const { remove, touch } = takeManifest(records({ a: record(3, { was: "pi-0" }) }), manifest({}), still);
    expect({ remove, touch }).toEqual({ remove: [], touch: [] });
  });

  test("names again: nothing is left of what stayed", () => {
    const { records: after } = takeManifest(records({ a: record(3, { was: "pi-0", unnamed: true }) }), saying({ a: entry(3) }), still);
    expect(after.get(asDeploymentName("a"))).toEqual(record(3));
  });
});

describe("what was removed before", () => {
  const waiting = record(9, { score: null });
  interface Expected {
    readonly fetch?: readonly string[];
    readonly touch?: readonly string[];
    readonly remove?: readonly string[];
    readonly kept?: readonly object[];
    readonly isBarred?: boolean;
  }
  test.each([
    ["is not read, and is said", {}, saying({ a: entry(9) }), { fetch: [], touch: ["a"], isBarred: true }],
    ["is said once", { a: waiting }, saying({ a: entry(9) }), { fetch: [], touch: [], isBarred: true }],
    ["is not read from a store that went back either", { a: waiting }, saying({ a: entry(9) }), { fetch: [], isBarred: true }],
    ["starts at a higher generation", { a: waiting }, saying({ a: { ...entry(9), generation: 2 } }), { fetch: ["a"], touch: ["a"] }],
    ["starts as another object", {}, saying({ a: { ...entry(9), uid: "v" } }), { fetch: ["a"], touch: [] }],
    ["starts for an operator of 0.1", {}, manifest({ a: entry(9) }), { fetch: ["a"], touch: [] }],
    ["goes on when it has a Score in hand", { a: record(9) }, saying({ a: entry(9) }), { fetch: ["a"] }],
    ["is forgotten when nothing names it any more", { a: waiting }, saying({}), { remove: [], kept: [], touch: ["a"] }],
  ])("%s", (_, before, after, { isBarred = false, ...expected }: Expected) => {
    const taken = takeManifest(records(before), after, { refetchScores: true, removed: dead("a") });
    expect(taken).toMatchObject(expected);
    if (isBarred) expect(taken.records.get(asDeploymentName("a"))).toEqual(waiting);
  });

  test("are the last names, each once", () => {
    let removed: RemovedNames = [];
    for (let index = 0; index < REMOVED_KEPT + 8; index += 1)
      removed = remember(removed, { name: asDeploymentName(`n${index % (REMOVED_KEPT + 4)}`), entry: entry(index), at });
    expect([removed.length, REMOVED_KEPT]).toEqual([64, 64]);
    expect([removed[0]?.name, removed.at(-1)?.name]).toEqual(["n8", "n3"]);
  });
});

/**
 * What the agent does with a manifest, where each Score is read and each removal is done at once.
 */
function obey(before: Records, after: Manifest, options: { refetchScores: boolean; removed: RemovedNames }) {
  const taken = takeManifest(before, after, options);
  let { removed } = options;
  const next = new Map(taken.records);
  for (const name of taken.fetch) {
    const known = next.get(name);
    if (known !== undefined) next.set(name, { ...known, score: { revision: known.entry.revision, scoreString: "read" } });
    removed = removed.filter((one) => one.name !== name);
  }
  for (const [name, known] of taken.records) {
    if (!known.removing) continue;
    next.delete(name);
    removed = remember(removed, { name, entry: known.entry, at });
  }
  return { next, removed };
}

describe("from any records and any manifests that say what is to go", () => {
  const name = fc.constantFrom("a", "b", "c", "constructor");
  const uid = fc.constantFrom("u", "v", "");
  const anyEntry = fc
    .record({ revision: fc.nat(3), generation: fc.nat(3), uid, source: fc.constantFrom("git", "cluster") })
    .map((of) => ({ ...of, namespace: "default" }));
  const anyRecord = fc.record({
    entry: anyEntry,
    score: fc.option(fc.record({ revision: fc.nat(3), scoreString: fc.constant("before") })),
    removing: fc.constant(false),
    unnamed: fc.constantFrom(undefined, true),
    was: fc.constantFrom(undefined, "pi-0"),
  });
  const anyManifest = fc.record({
    sources: fc.subarray(["git", "cluster"]),
    deployments: fc.dictionary(name, anyEntry),
    removed: fc.dictionary(name, fc.record({ uid, at: fc.constant(at), why: fc.constant("deleted") })),
  });
  const world = fc.record({
    before: fc.dictionary(name, anyRecord),
    manifests: fc.array(fc.record({ manifest: anyManifest, refetchScores: fc.boolean() }), { maxLength: 6 }),
  });

  test("nothing leaves but what is marked with the uid that is held, and that goes; nothing rises from the dead", () => {
    fc.assert(
      fc.property(world, ({ before, manifests }) => {
        let held: Records = records(before);
        let removed: RemovedNames = [];
        for (const { manifest: read, refetchScores } of manifests) {
          const { next, removed: then } = obey(held, read, { refetchScores, removed });
          for (const [key, known] of held) {
            const named = Object.hasOwn(read.deployments, key) ? read.deployments[key] : undefined;
            const isItsOwn = named?.source === known.entry.source || named?.uid === known.entry.uid;
            const marked = Object.hasOwn(read.removed, key) ? read.removed[key]?.uid : undefined;
            const isToGo = !isItsOwn && known.was === undefined && marked === known.entry.uid && marked !== "";
            const isHere = known.score !== null || !removed.some((one) => one.name === key);
            if (isHere) expect(next.has(key)).toBe(!isToGo);
          }
          for (const one of removed) {
            const key = asDeploymentName(one.name);
            const asked = next.get(key)?.entry;
            if (asked?.uid === one.uid && asked.generation <= one.generation) expect(next.get(key)?.score).toBeNull();
          }
          [held, removed] = [next, then];
        }
      }),
    );
  });
});

describe("what is on the Topology and known to nobody", () => {
  const on = (name: string, revision: string) => ({ name, revision, scoreString: "s" });

  test("goes only if its source has written the manifest", () => {
    const found = [
      on("gone", "4 of git"),
      on("others", "4 of cluster"),
      on("known", "4 of git"),
      on("nobody", "4"),
      on("Bad_Name", "4 of git"),
    ];
    const { remove, unknown } = unlistedWorkloads(found, records({ known: record(4) }), manifest({}), []);
    expect([...remove.keys()]).toEqual(["gone"]);
    expect(remove.get(asDeploymentName("gone"))).toMatchObject({ removing: true, entry: { source: "git", revision: 4 } });
    expect(unknown).toEqual(["nobody", "Bad_Name"]);
  });

  test("stays where the manifest says what is to go, as what no manifest names", () => {
    const found = [on("a", "4 of git"), on("others", "4 of cluster"), on("nobody", "4"), on("again", "4 of git")];
    const { remove, keep, unknown } = unlistedWorkloads(found, new Map(), saying({}, { a: mark() }), dead("again", 7));
    expect([...keep.keys()]).toEqual(["a", "others"]);
    expect(keep.get(asDeploymentName("a"))).toMatchObject({ unnamed: true, removing: false, score: { revision: 4, scoreString: "s" } });
    // This agent has removed it, and a power cut has brought it back.
    expect([...remove]).toMatchObject([["again", { removing: true, entry: { uid: "u", generation: 7 } }]]);
    expect(unknown).toEqual(["nobody"]);
  });
});
