import { expect, test } from "vitest";
import { waitFor } from "./enrol.ts";
import { renewalAfterMs } from "./token-credentials.ts";

const URL = "https://enrol.example";
const code = "7K4M-92QD-X3AA";

test.each<[string, Parameters<typeof waitFor>[0], RegExp, (ms: number) => boolean]>([
  [
    "pending",
    { ok: true, value: { state: "pending", code, retryAfterS: 5 } },
    /^waiting for approval: 7K4M-92QD-X3AA$/,
    (ms) => ms === 5_000,
  ],
  [
    "denied",
    { ok: true, value: { state: "denied", code, reason: "not ours" } },
    /was denied: not ours; its code is 7K4M/,
    (ms) => ms > 60_000,
  ],
  ["without a token", { ok: false, kind: "no token" }, /sudo iot-agent enrol https:\/\/enrol\.example CODE$/, (ms) => ms > 60_000],
  ["down", { ok: false, kind: "down", why: "it cannot be reached" }, /it cannot be reached; it is asked again$/, (ms) => ms <= 5_000],
  [
    "refused",
    { ok: false, kind: "refused", why: "the token has ended" },
    /the token has ended; put \[enrolment\] token right/,
    (ms) => ms <= 5_000,
  ],
])("a device that is %s says so, and when it asks again", (_, given, sentence, isWait) => {
  const wait = waitFor(given, 1, URL);
  expect(wait.sentence).toMatch(sentence);
  expect(wait.waitMs).toSatisfy(isWait);
});

test("a service that stays away is asked less and less", () => {
  const waits = [1, 4, 9].map((attempt) => waitFor({ ok: false, kind: "down", why: "x" }, attempt, URL).waitMs);
  expect(waits.toSorted((a, b) => a - b)).toEqual(waits);
  expect(waits.at(-1)).toBeLessThanOrEqual(300_000);
});

test("a token is renewed about half-way", () => {
  expect(renewalAfterMs(1_000, () => 0)).toBeCloseTo(400_000);
  expect(renewalAfterMs(1_000, () => 0.999_999)).toBeCloseTo(600_000, -1);
});
