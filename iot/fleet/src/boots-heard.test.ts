import { asDeviceId } from "@iot/contracts";
import { expect, test } from "vitest";
import { stateOf } from "./aggregate.ts";
import { BootsHeard } from "./boots-heard.ts";

const pi = asDeviceId("pi-7");

/** What is said last, when these boots are heard, each after so many seconds. */
function said(
  heard: readonly (readonly [boot: string | undefined, afterSeconds: number])[],
  statusIntervalSeconds?: number,
): string | null {
  const boots = new BootsHeard();
  let atMs = 1_000;
  let last: string | null = null;
  for (const [boot, afterSeconds] of heard) {
    atMs += afterSeconds * 1_000;
    last = boots.hear(pi, { boot, statusIntervalSeconds }, atMs)?.message ?? null;
  }
  return last;
}

const TWO =
  'two devices report as "pi-7" by turns (boots 3f9a1c and 77be02), as a copied card makes them: give one of them an id of its own (agent.device_id in /etc/iot-agent/config.toml)';
const [a, b] = ["3f9a1c", "77be02"] as const;

type Row = readonly [name: string, heard: Parameters<typeof said>[0], says: string | null, interval?: number];
const ROWS: readonly Row[] = [
  [
    "one device",
    [
      [a, 0],
      [a, 30],
      [a, 30],
    ],
    null,
  ],
  [
    "one that reboots, and again",
    [
      [a, 0],
      [b, 30],
      [b, 30],
      ["c", 10],
      ["c", 30],
    ],
    null,
  ],
  [
    "an agent that does not say its boot",
    [
      [undefined, 0],
      [undefined, 30],
    ],
    null,
  ],
  [
    "two, within one interval of the second",
    [
      [a, 0],
      [b, 10],
      [a, 20],
    ],
    TWO,
  ],
  [
    "two, whoever spoke last",
    [
      [a, 0],
      [b, 10],
      [a, 20],
      [b, 10],
    ],
    TWO,
  ],
  [
    "two, of which one is switched off for less than an offline device",
    [
      [a, 0],
      [b, 10],
      [a, 20],
      [a, 30],
      [a, 30],
    ],
    TWO,
  ],
  [
    "two, of which one was switched off",
    [
      [a, 0],
      [b, 10],
      [a, 20],
      [a, 60],
      [a, 60],
    ],
    null,
  ],
  [
    "two on a metered link, where each tenth status says its boot",
    [
      [a, 0],
      [b, 100],
      [undefined, 200],
      [a, 2_700],
    ],
    TWO,
    300,
  ],
  [
    "two of which one is of another version",
    [
      [a, 0],
      [b, 10],
      [a, 20],
      [undefined, 10],
    ],
    TWO,
  ],
];

test.each(ROWS.map(([name, heard, says, interval]) => ({ name, heard, says, interval })))("$name", ({ heard, says, interval }) => {
  expect(said(heard, interval)).toBe(says);
});

test("three are counted", () => {
  expect(
    said([
      [a, 0],
      [b, 10],
      ["c00000", 10],
      [a, 10],
    ]),
  ).toContain('3 devices report as "pi-7" by turns (boots 3f9a1c, 77be02 and c00000)');
});

test("what two say by turns is not counted, whatever the last one said", () => {
  const problem = { reason: "DeviceIdInUse", message: "two devices" };
  const report = { phase: "Running", reason: "Running", message: "", desiredRevision: 3 };
  const value = { ok: true as const, value: { problem, deployments: { hello: report } } };
  expect(stateOf("hello", { device: pi, revision: 3, status: { ageMs: 0, value } })).toEqual({
    kind: "failed",
    rejected: false,
    ...problem,
  });
});
