import type { BaoRead, KeptGrant } from "@iot/identity";
import { describe, expect, test } from "vitest";
import { answered, isToBeAsked } from "./keep.ts";

const NOW = 10_000_000;
const DAY = 86_400;
const approved = { state: "approved" as const, capabilities: ["status"] };
const disabled = { state: "disabled" as const, capabilities: ["status"], reason: "stolen" };
const kept = (grant: KeptGrant | null | undefined) => ({ revision: 7, grant });
const read = (agoS: number): KeptGrant => ({ ...approved, readAtS: NOW - agoS });

test.each<[string, KeptGrant | null | undefined, boolean]>([
  ["a device that was never seen", null, true],
  ["what cannot be read", undefined, true],
  ["what OpenBao said a moment ago", read(300), false],
  ["what it said minutes ago", read(301), true],
  ["what it said in the future, by a clock that was set back", read(-301), true],
  ["the enrolment service's own word", approved, false],
])("whether OpenBao is asked: %s", (_what, grant, expected) => {
  expect(isToBeAsked(kept(grant), NOW)).toBe(expected);
});

describe("an answer", () => {
  const found = (data: unknown): BaoRead => ({ kind: "found", version: 3, data });
  test("decides, and is kept with its time", () => {
    expect(answered(kept(read(400)), found(disabled), NOW)).toEqual({ grant: disabled, keep: { ...disabled, readAtS: NOW } });
    expect(answered(kept(null), found(approved), NOW)).toEqual({ grant: approved, keep: { ...approved, readAtS: NOW } });
  });
  test("has no more than a grant has", () => {
    const { keep } = answered(kept(null), found({ ...approved, subjects: [">"], readAtS: 1 }), NOW);
    expect(keep).toEqual({ ...approved, readAtS: NOW });
  });
  test("that somebody deleted it ends a kept one", () => {
    expect(answered(kept(read(400)), { kind: "absent", wasDeleted: true }, NOW)).toEqual({ grant: null, keep: null });
    expect(answered(kept(null), { kind: "absent", wasDeleted: true }, NOW)).toEqual({ grant: null });
  });
  test("that there is none refuses who was never seen, and not who was: OpenBao has lost it", () => {
    expect(answered(kept(null), { kind: "absent", wasDeleted: false }, NOW)).toEqual({ grant: null });
    expect(answered(kept(read(400)), { kind: "absent", wasDeleted: false }, NOW)).toMatchObject({
      grant: approved,
      trouble: { ageS: 400, why: expect.stringContaining("nobody deleted it") as unknown },
    });
  });
});

describe("no answer", () => {
  const unknown: BaoRead = { kind: "unknown", why: "OpenBao at https://bao says HTTP 503" };
  test.each<[string, KeptGrant | null | undefined, object]>([
    ["a kept grant is used for days", read(7 * DAY), { grant: read(7 * DAY), trouble: { why: unknown.why, ageS: 7 * DAY } }],
    ["and not for ever", read(7 * DAY + 1), { grant: undefined, trouble: { why: unknown.why, ageS: null } }],
    ["who was never seen is not known", null, { grant: undefined, trouble: { why: unknown.why, ageS: null } }],
    ["nor is what cannot be read", undefined, { grant: undefined, trouble: { why: unknown.why, ageS: null } }],
  ])("%s", (_what, grant, expected) => {
    expect(answered(kept(grant), unknown, NOW)).toEqual(expected);
  });
  test("a disabled one stays disabled", () => {
    expect(answered(kept({ ...disabled, readAtS: NOW - DAY }), unknown, NOW).grant).toMatchObject({ state: "disabled" });
  });
  test("what OpenBao holds and nobody can read is none", () => {
    expect(answered(kept(read(400)), { kind: "found", version: 1, data: { state: "yes" } }, NOW)).toMatchObject({
      grant: approved,
      trouble: {},
    });
  });
});
