// Measures the time from the Score's write to the first HTTP 200, with the image already there,
// beside create and start by hand. The two take turns, so that whatever else the machine does falls
// on both.

import { eventually } from "@iot/testkit";
import { answeredAt } from "./http-poll.ts";
import { LibpodByHand } from "./libpod-by-hand.ts";
import { type Figure, type Measurement, ms, percentile, summary } from "./measurement.ts";
import { type Rig, startRig } from "./rig.ts";
import { scoreOf } from "./score-of.ts";

const ROUNDS = 40;
const PORT = 8080;

export const scoreToHttp: Measurement = {
  name: "score-to-http",
  takesMinutes: 2,
  async run(): Promise<readonly Figure[]> {
    await using rig = await startRig();
    const { device } = rig;
    const byHand = new LibpodByHand(device.podmanSocket);
    const image = device.image("1");
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const handStart = performance.now();
      await byHand.run({ name: "by-hand", image, hostPort: PORT, containerPort: 80 });
      theirs.push((await answeredAt(device.address, PORT, "version=1")) - handStart);
      await byHand.remove("by-hand");

      ours.push(await scoreToAnswer(rig));
    }
    // The 99th percentile subtracts the median by hand too, so that a slow moment of the baseline
    // flatters nobody.
    const over = (p: number): number => percentile(ours, p) - percentile(theirs, 50);
    return [
      {
        what: "Score written to the bucket → first HTTP 200, image present, less the same by hand (its p50)",
        target: "p50 ≤ 15 ms, p99 ≤ 50 ms",
        measured: `p50 ${ms(over(50))}, p99 ${ms(over(99))} (whole: ${summary(ours)}; ${ROUNDS} rounds, of which the first of the agent's life ${ms(ours[0] ?? 0)})`,
        baseline: `libpod create and start by hand: ${summary(theirs)}; the first ${ms(theirs[0] ?? 0)}`,
        met: over(50) <= 15 && over(99) <= 50,
        numbers: {
          oursP50: percentile(ours, 50),
          oursP99: percentile(ours, 99),
          byHandP50: percentile(theirs, 50),
          byHandP99: percentile(theirs, 99),
          rounds: ROUNDS,
        },
      },
    ];
  },
};

/** Milliseconds, on a device without containers. The device has none again afterwards. */
export async function scoreToAnswer({ device, write }: Rig): Promise<number> {
  const start = performance.now();
  await write("hello-world", scoreOf({ image: device.image("1"), port: PORT }));
  const elapsedMs = (await answeredAt(device.address, PORT, "version=1")) - start;
  await write("hello-world", null);
  await eventually(async () => (await device.containers()).length === 0, { what: "the container is gone", timeoutMs: 60_000 });
  return elapsedMs;
}
