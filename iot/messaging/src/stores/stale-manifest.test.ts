import { describe, expect, test } from "vitest";
import { isStaleManifest, ManifestJudge, type ManifestVersion } from "./stale-manifest.ts";

const at = (revision: number, seconds: number): ManifestVersion => ({
  revision,
  writtenAt: `2026-01-01T00:00:${String(seconds).padStart(2, "0")}.123456789Z`,
});
const taken = at(100, 30);

describe.each([
  ["the same", at(100, 30), { take: true, refetchScores: false }],
  ["newer in both", at(101, 31), { take: true, refetchScores: false }],
  ["older in both: a replica that lags, or a copy put back", at(99, 29), { take: false, takenInMs: 300_000 }],
  ["lower in revision, newer in time: a store that was wiped and filled again", at(5, 31), { take: true, refetchScores: true }],
  ["the same revision at another time: a store that went back, and on", at(100, 31), { take: true, refetchScores: true }],
  ["higher in revision, older in time: the server's clock went back", at(101, 29), { take: true, refetchScores: true }],
  ["lower in revision at the same time", at(99, 30), { take: true, refetchScores: true }],
])("%s", (_what, read, verdict) => {
  test("is judged", () => expect(new ManifestJudge(taken).judge(read, 0)).toEqual(verdict));
  test("is stale only if it is not taken", () => expect(isStaleManifest(read, taken)).toBe(!verdict.take));
});

test("the first one ever is taken", () => {
  expect(new ManifestJudge(null).judge(at(1, 0), 0)).toEqual({ take: true, refetchScores: false });
});

test("the same older one for five minutes is taken, and is then the measure", () => {
  const judge = new ManifestJudge(taken);
  expect(judge.judge(at(90, 20), 1_000)).toEqual({ take: false, takenInMs: 300_000 });
  expect(judge.judge(at(90, 20), 200_000)).toEqual({ take: false, takenInMs: 101_000 });
  expect(judge.judge(at(90, 20), 301_000)).toEqual({ take: true, refetchScores: true });
  expect(judge.judge(at(91, 21), 302_000)).toEqual({ take: true, refetchScores: false });
});

test("another older one, or the current one in between, starts the five minutes again", () => {
  const judge = new ManifestJudge(taken);
  judge.judge(at(90, 20), 0);
  expect(judge.judge(at(91, 21), 200_000)).toEqual({ take: false, takenInMs: 300_000 });
  expect(judge.judge(taken, 250_000)).toEqual({ take: true, refetchScores: false });
  expect(judge.judge(at(91, 21), 299_000)).toEqual({ take: false, takenInMs: 300_000 });
});

test("time stamps are compared as times: the server leaves out trailing zeros", () => {
  const whole = { revision: 100, writtenAt: "2026-01-01T00:00:30Z" };
  expect(isStaleManifest({ revision: 99, writtenAt: "2026-01-01T00:00:30.5Z" }, whole)).toBe(false);
});
