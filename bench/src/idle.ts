// Measures the installed agent at rest, with one deployment running, over an hour (or
// BENCH_IDLE_MINUTES). It takes memory (PSS and private dirty of smaps_rollup, once a minute at the
// end, since they rise until each collection), CPU, and what the whole device writes to its disk.
// The baseline is Node alone under the same flags.

import { setTimeout as pause } from "node:timers/promises";
import { AGENT_FLAGS } from "@iot/build";
import type { SimulatedDevice } from "@iot/e2e/world/simulated-device";
import { run } from "@iot/testkit";
import { answeredAt } from "./http-poll.ts";
import { mountLoopDisk } from "./loop-disk.ts";
import { type Figure, type Measurement, percentile } from "./measurement.ts";
import { startRig } from "./rig.ts";
import { scoreOf } from "./score-of.ts";

const MINUTES = Number(process.env["BENCH_IDLE_MINUTES"] ?? 60);
/** The samples span several of the agent's garbage collections. */
const SAMPLES = Math.min(10, MINUTES);
const MINUTES_A_DAY = 24 * 60;

export const idle: Measurement = {
  name: "idle",
  takesMinutes: MINUTES + 4,
  async run(): Promise<readonly Figure[]> {
    await using disk = await mountLoopDisk();
    process.env["HARMONY_DEVICES"] = disk.path;
    await using rig = await startRig();
    const { device } = rig;
    await rig.write("hello-world", scoreOf({ image: device.image("1"), port: 8080 }));
    await answeredAt(device.address, 8080, "version=1");
    // The bytes that the start has written do not count for the idle time that follows.
    await pause(60_000);
    await run(["sync", "--file-system", disk.path]);
    const before = { ...(await sample(device, "iot-agent")), diskBytes: await disk.writtenBytes() };
    await pause((MINUTES - SAMPLES) * 60_000);
    const samples: Sample[] = [];
    while (samples.length < SAMPLES) {
      await pause(60_000);
      samples.push(await sample(device, "iot-agent"));
    }
    await run(["sync", "--file-system", disk.path]);
    const after = samples.at(-1) ?? before;
    const aDay = MINUTES_A_DAY / MINUTES;
    const agentBytesADay = (after.agentWrittenBytes - before.agentWrittenBytes) * aDay;
    const deviceBytesADay = ((await disk.writtenBytes()) - before.diskBytes) * aDay;
    const cpuPercent = ((after.cpuSeconds - before.cpuSeconds) / ((after.atMs - before.atMs) / 1000)) * 100;
    const pss = samples.map(({ pssBytes }) => pssBytes);
    const dirty = samples.map(({ privateDirtyBytes }) => privateDirtyBytes);
    const [pssBytes, privateDirtyBytes] = [percentile(pss, 50), percentile(dirty, 50)];

    // One Node runs at a time: two would share their text, and each would look smaller than it is.
    await device.exec(["systemctl", "stop", "iot-agent"]);
    await startBare(device);
    await pause(60_000);
    const bareAfter = await sample(device, "bare-node");
    await device.exec(["systemctl", "stop", "bare-node"]);

    const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    return [
      {
        what: `agent idle: PSS and private dirty after ${MINUTES} min, CPU`,
        target: "≤ 58 and ≤ 15 MB, ≤ 0.2 %",
        measured: `${mb(pssBytes)} and ${mb(privateDirtyBytes)} (p50 of the last ${SAMPLES} min; at most ${mb(Math.max(...pss))} and ${mb(Math.max(...dirty))}), ${cpuPercent.toFixed(2)} %`,
        baseline: `Node alone, the same flags: ${mb(bareAfter.pssBytes)} and ${mb(bareAfter.privateDirtyBytes)}`,
        met: pssBytes <= 58e6 && privateDirtyBytes <= 15e6 && cpuPercent <= 0.2,
        numbers: {
          pssBytes,
          privateDirtyBytes,
          worstPssBytes: Math.max(...pss),
          worstPrivateDirtyBytes: Math.max(...dirty),
          cpuPercent,
          barePssBytes: bareAfter.pssBytes,
          barePrivateDirtyBytes: bareAfter.privateDirtyBytes,
        },
      },
      {
        what: `written to the card a day when nothing changes, from ${MINUTES} min: the agent; all of the device, as its disk counts it`,
        target: "≤ 10 MB",
        measured: `${mb(agentBytesADay)}; ${mb(deviceBytesADay)}`,
        baseline: "none",
        met: deviceBytesADay <= 10e6,
        numbers: { agentBytesADay, deviceBytesADay },
      },
    ];
  },
};

export interface Sample {
  readonly atMs: number;
  readonly pssBytes: number;
  readonly privateDirtyBytes: number;
  readonly cpuSeconds: number;
  /** The bytes that the kernel counts for the process. */
  readonly agentWrittenBytes: number;
}

export async function sample(device: SimulatedDevice, unit: string): Promise<Sample> {
  const pid = (await device.exec(["systemctl", "show", "--property=MainPID", "--value", unit])).stdout.trim();
  const { stdout } = await device.exec(["cat", `/proc/${pid}/smaps_rollup`]);
  const stat = (await device.exec(["cat", `/proc/${pid}/stat`])).stdout;
  const io = (await device.exec(["cat", `/proc/${pid}/io`])).stdout;
  const kilobytes = (label: string): number => Number(new RegExp(`^${label}:\\s+(\\d+) kB`, "m").exec(stdout)?.[1]) * 1024;
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
    agentWrittenBytes: Number(/^write_bytes: (\d+)$/m.exec(io)?.[1]),
  };
}

/** Starts a Node with nothing to do, under the agent's flags. */
async function startBare(device: SimulatedDevice): Promise<void> {
  await device.copyIn(process.execPath, "/opt/bare/node");
  await device.exec([
    "systemd-run",
    "--unit=bare-node",
    "--uid=iot-agent",
    "/opt/bare/node",
    ...AGENT_FLAGS,
    "-e",
    "setInterval(() => {}, 1e6)",
  ]);
}
