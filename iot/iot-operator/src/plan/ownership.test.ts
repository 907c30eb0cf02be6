import { asDeploymentName, asDeviceId, type SourceState } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import type { Compiled } from "./compile.ts";
import { isUnheard, otherCluster, UNHEARD_AFTER_MS, unheardOwners } from "./ownership.ts";

const NOW_MS = Date.parse("2026-03-01T00:00:00Z");

function state(more: Partial<SourceState> = {}): SourceState {
  const lastSeen = new Date(NOW_MS - UNHEARD_AFTER_MS).toISOString();
  return { id: "git:old", clusterUid: null, version: null, problem: null, readableSince: null, lastSeen, ...more };
}

describe("whose a source is", () => {
  test.each<[string, string | null, SourceState | null, RegExp | null]>([
    ["nobody has written it down", "c1", null, null],
    ["it was written down without a cluster", "c1", state(), null],
    ["it is this cluster's", "c1", state({ clusterUid: "c1" }), null],
    [
      "it is another cluster's",
      "c2",
      state({ clusterUid: "c1" }),
      /^OtherCluster: source git:old is that of cluster c1, and this is cluster c2; nothing/,
    ],
    ["it is a cluster's, and this is a repository", null, state({ clusterUid: "c1" }), /and this is a repository; .* iot adopt git:old/],
  ])("%s", (_, clusterUid, found, why) => {
    const said = otherCluster({ id: "git:old", clusterUid }, found);
    if (why === null) expect(said).toBeNull();
    else expect(said).toMatch(why);
  });

  test.each<[string, string, boolean]>([
    ["ten minutes ago", new Date(NOW_MS - UNHEARD_AFTER_MS).toISOString(), true],
    ["a little later", new Date(NOW_MS - UNHEARD_AFTER_MS + 1).toISOString(), false],
    ["in the future", new Date(NOW_MS + 60_000).toISOString(), false],
    ["at no time that can be read", "yesterday", true],
  ])("a source that was heard %s", (_, lastSeen, isSo) => {
    expect(isUnheard(state({ lastSeen }), NOW_MS)).toBe(isSo);
  });
});

describe("names that a source owns which is not heard any more", () => {
  const conflicts = (names: readonly string[], source = "git:old"): Compiled => ({
    devices: new Map(),
    notAllowed: new Map(),
    conflicts: new Map(
      names.map((name) => [
        `uid-${name}`,
        [{ device: asDeviceId("pi-1"), holder: { source, namespace: "default", name: asDeploymentName(name) } }],
      ]),
    ),
  });
  const said = (compiled: Compiled, found: readonly SourceState[]) =>
    unheardOwners(compiled, new Map(found.map((each) => [each.id, each])), NOW_MS);

  test("are named with the source and the command", () => {
    expect(said(conflicts(["hello", "meter"]), [state()])).toBe(
      "OtherSource: git:old owns default/hello, default/meter, and was last heard at 2026-02-28T23:50:00.000Z: iot adopt git:old if this one takes its place",
    );
    expect(said(conflicts(["a", "b", "c", "d", "e", "f", "g"]), [state()])).toContain("default/e and 2 more, and was");
  });

  test.each<[string, Compiled, readonly SourceState[]]>([
    ["there is no conflict", conflicts([]), [state()]],
    ["it is heard", conflicts(["a"]), [state({ lastSeen: new Date(NOW_MS).toISOString() })]],
    ["nobody has written down when it was heard", conflicts(["a"]), []],
  ])("and nothing is said where %s", (_, compiled, found) => {
    expect(said(compiled, found)).toBeNull();
  });
});
