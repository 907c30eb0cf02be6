import type { Manifest } from "@iot/contracts";
import { asDeploymentName } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import type { DeploymentRecord } from "./state-store.ts";
import { orphans, takeManifest } from "./take-manifest.ts";

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
const still = { refetchScores: false };

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
    expect(takeManifest(records({ a: record(3) }), manifest({ a: entry(3) }), { refetchScores: true }).fetch).toEqual(["a"]);
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
    const { remove, unknown } = orphans(found, records({ known: record(4) }), ["git"]);
    expect([...remove.keys()]).toEqual(["gone"]);
    expect(remove.get(asDeploymentName("gone"))).toMatchObject({ removing: true, entry: { source: "git", revision: 4 } });
    expect(unknown).toEqual(["nobody", "Bad_Name"]);
  });
});
