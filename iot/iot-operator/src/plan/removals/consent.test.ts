// What becomes of removals that were judged once: what is held or lost, what a person says of it,
// and what the record has room for.

import { describe, expect, test } from "vitest";
import { deployment, NOW_MS } from "../../../test/model-bucket.ts";
import { cluster, deleting, devices, entries, found, judged, planned } from "../../../test/removal-plans.ts";
import type { CompleteSnapshot } from "../../sources/source.ts";
import type { ManifestedEntry } from "./classify.ts";
import { confirm, keep } from "./consent.ts";
import type { RemovalsPlan } from "./plan-removals.ts";
import { decodeRecord, EMPTY_RECORD, encodeRecord, type RemovalRecord, tokenOf } from "./record.ts";
import { heldText, lostText } from "./words.ts";

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

  test("goes only with the record while the newest commit is not followed: another operator may have followed one that asks for it", () => {
    const few = [...entries("hello", ["pi-2"]), ...entries("stays", ["pi-1"])];
    const { record } = judged(gone, few);
    const refused = planned({ ...cluster({ deployments: [stays] }), authoritative: false }, few, { record });
    expect([found(refused), refused.isRecordChanged]).toEqual([["pi-2.hello goes by-name"], true]);
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
      // Another operator reads the manifests like this.
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
