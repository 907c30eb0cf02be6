// Runs the operator with 1,000 Deployments for 10 devices each. Measures the time from its start to
// the last manifest, and a restart, which must write nothing. The baseline is the same number of
// acknowledged writes to the same stream, without an operator.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { freePort, makeGitRepository, eventually, startNats, startServerProcess } from "@iot/testkit";
import * as z from "zod/mini";
import type { Figure, Measurement } from "./measurement.ts";

const DEPLOYMENTS = 1_000;
const DEVICES_EACH = 10;
const DEVICES = 1_000;
const WRITES = DEPLOYMENTS * DEVICES_EACH + DEVICES;
const OPERATOR_MAIN = join(import.meta.dirname, "../../iot/iot-operator/src/main.ts");
const OPERATOR_COST = join(import.meta.dirname, "../../iot/iot-operator/scripts/cost.ts");
const STREAM = "KV_desired-state";

export const operatorScale: Measurement = {
  name: "operator",
  takesMinutes: 2,
  async run(): Promise<readonly Figure[]> {
    await using nats = await startNats();
    await using repository = await makeGitRepository();
    await repository.commit(Object.fromEntries(Array.from({ length: DEPLOYMENTS }, (_, index) => [`${name(index)}.yaml`, yaml(index)])));
    await repository.push();
    const connection = await connect({ servers: nats.url });
    const manager = await jetstreamManager(connection);
    const state = async (): Promise<{ messages: number; lastSequence: number }> => {
      const info = await manager.streams.info(STREAM);
      return { messages: info.state.messages, lastSequence: info.state.last_seq };
    };

    const port = await freePort();
    const start = () =>
      startServerProcess({
        name: "iot-operator",
        argv: [process.execPath, OPERATOR_MAIN],
        env: { NATS_URL: nats.url, IOT_GIT_URL: repository.url, IOT_SOURCE_ID: "git:bench", IOT_HTTP_PORT: String(port) },
        ready: async () => true,
      });
    const ready = async (): Promise<true> => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      return response.ok || Promise.reject(new Error(await response.text()));
    };
    const firstStart = performance.now();
    const first = await start();
    await eventually(
      async () => {
        const { messages } = await state();
        return messages >= WRITES || Promise.reject(new Error(`${messages} of ${WRITES} are there`));
      },
      { what: "every Score and manifest is in the bucket", timeoutMs: 180_000 },
    );
    const firstMs = performance.now() - firstStart;
    await eventually(ready, { what: "the operator is ready", timeoutMs: 60_000 });
    await first.stop();
    const before = await state();

    const secondStart = performance.now();
    const second = await start();
    await eventually(ready, { what: "the operator is ready again", timeoutMs: 60_000 });
    const restartMs = performance.now() - secondStart;
    await second.stop();
    const written = (await state()).lastSequence - before.lastSequence;

    await manager.streams.add({ name: "bare", subjects: ["bare.>"] });
    const js = jetstream(connection);
    const bareStart = performance.now();
    await Promise.all(
      Array.from({ length: WRITES }, (_, index) => js.publish(`bare.${index}`, yaml(index % DEPLOYMENTS), { timeout: 60_000 })),
    );
    const bareMs = performance.now() - bareStart;
    await connection.close();

    const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`;
    return [
      {
        what: `operator, ${DEPLOYMENTS} Deployments × ${DEVICES_EACH} devices: first pass; restart`,
        target: "≤ 30 s; ≤ 15 s and no write",
        measured: `${seconds(firstMs)}; ${seconds(restartMs)} and ${written === 0 ? "no write" : `${written} writes`}`,
        baseline: `${WRITES} acknowledged writes, pipelined, no operator: ${seconds(bareMs)}`,
        met: firstMs <= 30_000 && restartMs <= 15_000 && written === 0,
        numbers: { firstMs, restartMs, writesAtRestart: written, bareMs, writes: WRITES },
      },
      await ownThread(),
    ];
  },
};

const Cost = z.object({
  devices: z.number(),
  each: z.number(),
  statusMs: z.number(),
  idleReportMs: z.number(),
  wholePassMs: z.number(),
  heapMiB: z.number(),
});

/** Each size in a process of its own, without a server. */
async function ownThread(): Promise<Figure> {
  const costs: z.output<typeof Cost>[] = [];
  for (const [devices, each] of [
    [1_000, 5],
    [10_000, 10],
    [100_000, 5],
  ] as const) {
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", OPERATOR_COST, String(devices), String(each)]);
    costs.push(Cost.parse(JSON.parse(stdout)));
  }
  const each = (of: (cost: z.output<typeof Cost>) => number, digits: number): string =>
    costs.map((cost) => of(cost).toFixed(digits)).join(" · ");
  return {
    what: `operator's own thread, ${costs.map((cost) => `${cost.devices} × ${cost.each}`).join(" · ")}: one status, reported; a second without news; live heap of what it reports from, without the connection`,
    target: "≤ 0.1 ms; ≤ 1 ms; no target for a part of the process",
    measured: `${each(({ statusMs }) => statusMs, 3)} ms; ${each(({ idleReportMs }) => idleReportMs, 3)} ms; ${each(({ heapMiB }) => heapMiB, 0)} MiB`,
    baseline: `a whole pass with nothing to do: ${each(({ wholePassMs }) => wholePassMs, 0)} ms`,
    met: costs.every(({ statusMs, idleReportMs }) => statusMs <= 0.1 && idleReportMs <= 1),
    numbers: Object.fromEntries(
      costs.flatMap(({ devices, statusMs, idleReportMs, wholePassMs, heapMiB }) => [
        [`statusMs${devices}`, statusMs],
        [`idleReportMs${devices}`, idleReportMs],
        [`wholePassMs${devices}`, wholePassMs],
        [`heapMiB${devices}`, heapMiB],
      ]),
    ),
  };
}

function name(index: number): string {
  return `workload-${index}`;
}

function yaml(index: number): string {
  const devices = Array.from({ length: DEVICES_EACH }, (_, nth) => `device-${(index + nth * (DEVICES / DEVICES_EACH)) % DEVICES}`);
  return `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: { name: ${name(index)} }
spec:
  targetDevices: [${devices.join(", ")}]
  score:
    type: PodmanV0
    data:
      services:
        - { name: web, image: "registry.example.org/web:1.${index}", ports: ["8080:80"], env: { LEVEL: info } }
`;
}
