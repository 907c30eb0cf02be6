// Measures a swap to another image: the longest time without an answer, asked every 5 ms. The
// baseline is a stop and start by hand.

import { setInterval as every } from "node:timers/promises";
import { answeredAt, get } from "./http-poll.ts";
import { LibpodByHand } from "./libpod-by-hand.ts";
import { type Figure, type Measurement, ms, percentile, summary } from "./measurement.ts";
import { type Rig, startRig } from "./rig.ts";
import { scoreOf } from "./score-of.ts";

const ROUNDS = 20;
const PORT = 8080;
const POLL_MS = 5;

export const swap: Measurement = {
  name: "swap",
  takesMinutes: 1,
  async run(): Promise<readonly Figure[]> {
    await using rig = await startRig();
    const { device } = rig;
    const byHand = new LibpodByHand(device.podmanSocket);
    const gaps: number[] = [];
    const theirs: number[] = [];
    await changeTo("1", rig);
    for (let round = 0; round < ROUNDS; round += 1) gaps.push(await swapGap(round % 2 === 0 ? "2" : "1", rig));
    await rig.write("hello-world", null);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [old, next] = [`by-hand-${round}`, `by-hand-${round + 1}`];
      if (round === 0) await byHand.run({ name: old, image: device.image("1"), hostPort: PORT + 1, containerPort: 80 });
      await answeredAt(device.address, PORT + 1, "version=");
      theirs.push(
        await longestGap(device.address, PORT + 1, async () => {
          await byHand.remove(old);
          await byHand.run({ name: next, image: device.image(round % 2 === 0 ? "2" : "1"), hostPort: PORT + 1, containerPort: 80 });
          await answeredAt(device.address, PORT + 1, "version=");
        }),
      );
    }
    return [
      {
        what: `swap to another image: longest time without an answer, polled every ${POLL_MS} ms`,
        target: "≤ 300 ms",
        measured: `${ms(Math.max(...gaps))} at worst, ${summary(gaps)} (${ROUNDS} swaps)`,
        baseline: `remove, create and start by hand: ${ms(Math.max(...theirs))} at worst, ${summary(theirs)}`,
        met: Math.max(...gaps) <= 300,
        numbers: {
          worst: Math.max(...gaps),
          p50: percentile(gaps, 50),
          byHandWorst: Math.max(...theirs),
          byHandP50: percentile(theirs, 50),
          rounds: ROUNDS,
        },
      },
    ];
  },
};

export async function changeTo(version: "1" | "2", { device, write }: Rig): Promise<void> {
  await write("hello-world", scoreOf({ image: device.image(version), port: PORT }));
  await answeredAt(device.address, PORT, `version=${version}`);
}

/** Swaps from the other version to this one, and gives the gap in milliseconds. */
export function swapGap(version: "1" | "2", rig: Rig): Promise<number> {
  return longestGap(rig.device.address, PORT, () => changeTo(version, rig));
}

/** The longest time between two answers while `act` runs. */
async function longestGap(host: string, port: number, act: () => Promise<void>): Promise<number> {
  const answers: number[] = [performance.now()];
  const polling = new AbortController();
  const polls: Promise<void>[] = [];
  const poll = async (): Promise<void> => {
    if ((await get(host, port)) !== null) answers.push(performance.now());
  };
  const timer = (async () => {
    for await (const _ of every(POLL_MS, undefined, { signal: polling.signal })) polls.push(poll());
  })().catch(() => undefined);
  await act();
  // `act` ends with an answer, which may have come before that of any poll.
  answers.push(performance.now());
  polling.abort();
  await timer;
  await Promise.all(polls);
  answers.sort((a, b) => a - b);
  return Math.max(...answers.map((at, index) => at - (answers[index - 1] ?? at)));
}
