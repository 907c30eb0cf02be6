// Measures the time from `git push` to an answering container, without a cluster: repository,
// operator, NATS, agent. The baseline is the push itself plus create and start by hand.

import { startSimulatedDevice } from "@iot/e2e/world/simulated-device";
import { startParts } from "@iot/e2e/demo/parts";
import { Story } from "@iot/e2e/demo/story";
import { deploymentYaml } from "@iot/e2e/world/workload";
import { eventually } from "@iot/testkit";
import { answeredAt } from "./http-poll.ts";
import { LibpodByHand } from "./libpod-by-hand.ts";
import { type Figure, type Measurement, ms, percentile, summary } from "./measurement.ts";

const ROUNDS = 20;
const PORT = 8080;

export const gitPush: Measurement = {
  name: "git-push",
  takesMinutes: 2,
  async run(): Promise<readonly Figure[]> {
    await using stack = new AsyncDisposableStack();
    const device = stack.use(await startSimulatedDevice());
    const { repository } = await startParts({ device, story: new Story(), stack });
    const byHand = new LibpodByHand(device.podmanSocket);
    const ours: number[] = [];
    const theirs: number[] = [];
    // The only file of a source is not removed unasked, and neither are more than ten in ten
    // minutes.
    await repository.commit({ "neighbour.yaml": deploymentYaml({ name: "neighbour", device: "neighbour", image: "none", port: PORT }) });
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = `hello-${round}`;
      await repository.commit({ "deployment.yaml": deploymentYaml({ name, device: device.id, image: device.image("1"), port: PORT }) });
      const start = performance.now();
      await repository.push();
      ours.push((await answeredAt(device.address, PORT, "version=1")) - start);
      await repository.commit({ "deployment.yaml": null }, `Remove it\n\nIot-Removes: default/${name}`);
      const pushStart = performance.now();
      await repository.push();
      const pushMs = performance.now() - pushStart;
      await eventually(async () => (await device.containers()).length === 0, { what: "the container is gone", timeoutMs: 60_000 });
      const handStart = performance.now();
      await byHand.run({ name: "by-hand", image: device.image("1"), hostPort: PORT, containerPort: 80 });
      theirs.push(pushMs + (await answeredAt(device.address, PORT, "version=1")) - handStart);
      await byHand.remove("by-hand");
    }
    const overMs = percentile(ours, 50) - percentile(theirs, 50);
    return [
      {
        what: "git push → running (first HTTP 200), no cluster, less the same by hand (p50)",
        target: "p50 ≤ 60 ms",
        measured: `p50 ${ms(overMs)} (whole: ${summary(ours)}; ${ROUNDS} pushes)`,
        baseline: `a push, and create and start by hand: ${summary(theirs)}`,
        met: overMs <= 60,
        numbers: { p50: percentile(ours, 50), p99: percentile(ours, 99), byHandP50: percentile(theirs, 50), rounds: ROUNDS },
      },
    ];
  },
};
