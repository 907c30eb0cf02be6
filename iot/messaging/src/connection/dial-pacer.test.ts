import { expect, test } from "vitest";
import { DialPacer } from "./dial-pacer.ts";

const signal = new AbortController().signal;

/** A clock that every sleep moves, and a network that changes at these moments. */
function world(options: { random: number; changesAtMs?: readonly number[] }) {
  let nowMs = 0;
  const pacer = new DialPacer({
    clock: {
      monotonicMs: () => nowMs,
      sleep: async (ms) => void (nowMs += ms),
    },
    fingerprint: () => String((options.changesAtMs ?? []).filter((at) => at <= nowMs).length),
    random: () => options.random,
  });
  const pause = async (isSlow = false): Promise<number> => {
    const startedMs = nowMs;
    await pacer.pause(signal, { isSlow });
    return nowMs - startedMs;
  };
  return { pacer, pause, pass: (ms: number) => void (nowMs += ms) };
}

test.each([
  ["the longest", 0.999_999, [500, 1_000, 2_000, 4_000, 6_000, 6_000]],
  ["the shortest", 0, [250, 500, 1_000, 2_000, 3_000, 3_000]],
])("%s pauses: soon at first, then no more than 6 s, so that a cure is followed within 10 s", async (_name, random, expected) => {
  const { pause } = world({ random });
  const pauses: number[] = [];
  for (const _ of expected) pauses.push(Math.round(await pause()));
  expect(pauses).toEqual(expected);
});

test("ten minutes without a server are some 137 attempts: one in 4.5 s, however long it lasts", async () => {
  const { pause } = world({ random: 0.5 });
  let attempts = 0;
  for (let passedMs = 0; passedMs < 600_000; attempts++) passedMs += await pause();
  expect(attempts).toBe(137);
});

test("a cable that is plugged in is followed within two seconds, and the next attempts come soon again", async () => {
  const { pause } = world({ random: 0.5, changesAtMs: [16_000] });
  const pauses: number[] = [];
  for (let attempt = 1; attempt <= 8; attempt++) pauses.push(await pause());
  // Six pauses are 14.6 s. The change is seen at 16.6 s, when the network is looked at next, and
  // the dial follows after a share of a second.
  expect(pauses).toEqual([375, 750, 1_500, 3_000, 4_500, 4_500, 2_500, 375]);
});

test("a change while the last attempt was waiting for its answer counts, too", async () => {
  const { pause, pass } = world({ random: 0.5, changesAtMs: [5_000] });
  pass(10_000);
  expect(await pause()).toBe(500);
});

test("a server that does not answer in time is dialled ever more seldom, up to 2 min; one that refuses then, as always", async () => {
  const { pause } = world({ random: 0.999_999 });
  const pauses: number[] = [];
  for (let attempt = 1; attempt <= 8; attempt++) pauses.push(Math.round(await pause(true)));
  expect(pauses).toEqual([3_000, 6_000, 12_000, 24_000, 48_000, 96_000, 120_000, 120_000]);
  expect(Math.round(await pause())).toBe(6_000);
  expect(Math.round(await pause(true))).toBe(3_000);
});

test("a change of the network is followed at once, also where the server was slow", async () => {
  const { pause } = world({ random: 0.999_999, changesAtMs: [30_000] });
  const pauses: number[] = [];
  for (let attempt = 1; attempt <= 5; attempt++) pauses.push(Math.round(await pause(true)));
  expect(pauses).toEqual([3_000, 6_000, 12_000, 10_000, 3_000]);
});

test("it ends with the signal's reason", async () => {
  const pacer = new DialPacer({ fingerprint: () => "" });
  await expect(pacer.pause(AbortSignal.abort(new Error("enough")), { isSlow: false })).rejects.toThrow("enough");
});
