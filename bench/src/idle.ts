// The agent at rest, bundled, with one deployment running: memory (PSS and private dirty of smaps_rollup), CPU, and the bytes on the
// device's link as the wire counts them, over ten minutes. The baselines are Node alone under the same flags, and a bare NATS connection.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { makeTempFolder, run } from "@iot/testkit";
import type { SimulatedDevice } from "@iot/e2e/demo/simulated-device";
import { answeredAt } from "./http-poll.ts";
import type { Figure, Measurement } from "./measurement.ts";
import { startRig } from "./rig.ts";
import { scoreOf } from "./score-of.ts";

const MINUTES = 10;
const MONTH_SECONDS = 30 * 24 * 3600;
const METERED = "status_interval_seconds = 600\n";

export const idle: Measurement = {
  name: "idle",
  takesMinutes: 3 * MINUTES + 2,
  async run(): Promise<readonly Figure[]> {
    await using rig = await startRig();
    const { device } = rig;
    await rig.write("hello-world", scoreOf({ image: device.image("1"), port: 8080 }));
    await answeredAt(device.address, 8080, "version=1");
    const before = await sample(device, "iot-agent");
    await pause(MINUTES * 60_000);
    const after = await sample(device, "iot-agent");
    const perMonth = (from: Sample, to: Sample): number =>
      ((to.linkBytes - from.linkBytes) / ((to.atMs - from.atMs) / 1000)) * MONTH_SECONDS;
    const agentMonth = perMonth(before, after);
    const cpuPercent = ((after.cpuSeconds - before.cpuSeconds) / ((after.atMs - before.atMs) / 1000)) * 100;

    // One Node at a time: they would share their text, and each look smaller than it is.
    await device.exec(["systemctl", "stop", "iot-agent"]);
    await startBare(device);
    await pause(60_000);
    const bareAfter = await sample(device, "bare-node");
    await device.exec(["systemctl", "stop", "bare-node"]);

    await device.startAgent({ natsUrl: rig.nats.url, agentSettings: METERED });
    const meteredBefore = await sample(device, "iot-agent");
    await pause(MINUTES * 60_000);
    const meteredMonth = perMonth(meteredBefore, await sample(device, "iot-agent"));

    await device.exec(["systemctl", "stop", "iot-agent"]);
    await startBareConnection(device, rig.nats.url);
    const bareLinkBefore = await sample(device, "bare-nats");
    await pause(MINUTES * 60_000);
    const bareMonth = perMonth(bareLinkBefore, await sample(device, "bare-nats"));

    const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    return [
      {
        what: `agent idle, bundled: PSS and private dirty after ${MINUTES} min, CPU`,
        target: "≤ 65 and ≤ 20 MB, ≤ 0.2 %",
        measured: `${mb(after.pssBytes)} and ${mb(after.privateDirtyBytes)}, ${cpuPercent.toFixed(2)} %`,
        baseline: `Node alone, the same flags: ${mb(bareAfter.pssBytes)} and ${mb(bareAfter.privateDirtyBytes)}`,
        met: after.pssBytes <= 65e6 && after.privateDirtyBytes <= 20e6 && cpuPercent <= 0.2,
        numbers: {
          pssBytes: after.pssBytes,
          privateDirtyBytes: after.privateDirtyBytes,
          cpuPercent,
          barePssBytes: bareAfter.pssBytes,
          barePrivateDirtyBytes: bareAfter.privateDirtyBytes,
        },
      },
      {
        what: "bytes a month on the link, nothing changing, as the wire counts them: a status every 30 s; set for a metered link",
        target: "≤ 80 MB; ≤ 12 MB",
        measured: `${mb(agentMonth)}; ${mb(meteredMonth)}`,
        baseline: `a bare NATS connection, pings every 20 s: ${mb(bareMonth)}`,
        met: agentMonth <= 80e6 && meteredMonth <= 12e6,
        numbers: { agentMonth, meteredMonth, bareMonth, minutes: MINUTES },
      },
    ];
  },
};

interface Sample {
  readonly atMs: number;
  readonly pssBytes: number;
  readonly privateDirtyBytes: number;
  readonly cpuSeconds: number;
  readonly linkBytes: number;
}

async function sample(device: SimulatedDevice, unit: string): Promise<Sample> {
  const pid = (await device.exec(["systemctl", "show", "--property=MainPID", "--value", unit])).stdout.trim();
  const { stdout } = await device.exec([
    "cat",
    `/proc/${pid}/smaps_rollup`,
    "/sys/class/net/host0/statistics/rx_bytes",
    "/sys/class/net/host0/statistics/tx_bytes",
  ]);
  const stat = (await device.exec(["cat", `/proc/${pid}/stat`])).stdout;
  const kilobytes = (label: string): number => Number(new RegExp(`^${label}:\\s+(\\d+) kB`, "m").exec(stdout)?.[1]) * 1024;
  const [rx = 0, tx = 0] = stdout.trim().split("\n").slice(-2).map(Number);
  const times = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return {
    atMs: performance.now(),
    pssBytes: kilobytes("Pss"),
    privateDirtyBytes: kilobytes("Private_Dirty"),
    cpuSeconds: ((times[0] ?? 0) + (times[1] ?? 0)) / 100,
    linkBytes: rx + tx,
  };
}

/** Node with nothing to do, under the agent's flags. */
async function startBare(device: SimulatedDevice): Promise<void> {
  await device.exec([
    "systemd-run",
    "--unit=bare-node",
    "--uid=iot-agent",
    "/opt/iot-agent/node",
    ...device.agentFlags,
    "-e",
    "setInterval(() => {}, 1e6)",
  ]);
}

async function startBareConnection(device: SimulatedDevice, natsUrl: string): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = await makeTempFolder("bare");
  stack.defer(() => folder.remove());
  const source = join(folder.path, "bare.mjs");
  await writeFile(
    source,
    `import { connect } from "@nats-io/transport-node";\nawait connect({ servers: ${JSON.stringify(natsUrl)}, pingInterval: 20_000 });\n`,
  );
  const bundle = join(folder.path, "bundle.mjs");
  const top = join(import.meta.dirname, "../..");
  await run(
    [
      "esbuild",
      source,
      "--bundle",
      "--platform=node",
      "--format=esm",
      `--outfile=${bundle}`,
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    ],
    {
      cwd: top,
      env: { NODE_PATH: join(top, "node_modules") },
    },
  );
  await device.copyIn(bundle, "/opt/bare/bundle.mjs");
  await device.exec(["systemd-run", "--unit=bare-nats", "--uid=iot-agent", "/opt/iot-agent/node", "/opt/bare/bundle.mjs"]);
}
