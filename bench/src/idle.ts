// The agent at rest, installed, with one deployment running: memory (PSS and private dirty of smaps_rollup), CPU, and what the whole
// device writes, over an hour (or BENCH_IDLE_MINUTES). The baseline is Node alone under the same flags.

import { setTimeout as pause } from "node:timers/promises";
import { AGENT_FLAGS } from "@iot/build";
import type { SimulatedDevice } from "@iot/e2e/demo/simulated-device";
import { answeredAt } from "./http-poll.ts";
import type { Figure, Measurement } from "./measurement.ts";
import { startRig } from "./rig.ts";
import { scoreOf } from "./score-of.ts";

const MINUTES = Number(process.env["BENCH_IDLE_MINUTES"] ?? 60);
const MINUTES_A_DAY = 24 * 60;

export const idle: Measurement = {
  name: "idle",
  takesMinutes: MINUTES + 2,
  async run(): Promise<readonly Figure[]> {
    await using rig = await startRig();
    const { device } = rig;
    await rig.write("hello-world", scoreOf({ image: device.image("1"), port: 8080 }));
    await answeredAt(device.address, 8080, "version=1");
    const before = await sample(device, "iot-agent");
    await pause(MINUTES * 60_000);
    const after = await sample(device, "iot-agent");
    const aDay = MINUTES_A_DAY / MINUTES;
    const agentBytesADay = (after.agentWrittenBytes - before.agentWrittenBytes) * aDay;
    const deviceBytesADay = (after.deviceWrittenBytes - before.deviceWrittenBytes) * aDay;
    const cpuPercent = ((after.cpuSeconds - before.cpuSeconds) / ((after.atMs - before.atMs) / 1000)) * 100;

    // One Node at a time: they would share their text, and each look smaller than it is.
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
        measured: `${mb(after.pssBytes)} and ${mb(after.privateDirtyBytes)}, ${cpuPercent.toFixed(2)} %`,
        baseline: `Node alone, the same flags: ${mb(bareAfter.pssBytes)} and ${mb(bareAfter.privateDirtyBytes)}`,
        met: after.pssBytes <= 58e6 && after.privateDirtyBytes <= 15e6 && cpuPercent <= 0.2,
        numbers: {
          pssBytes: after.pssBytes,
          privateDirtyBytes: after.privateDirtyBytes,
          cpuPercent,
          barePssBytes: bareAfter.pssBytes,
          barePrivateDirtyBytes: bareAfter.privateDirtyBytes,
        },
      },
      {
        what: `written to the card a day when nothing changes, from ${MINUTES} min: the agent; all of the device`,
        target: "≤ 10 MB",
        measured: `${mb(agentBytesADay)}; ${mb(deviceBytesADay)}`,
        baseline: "none",
        met: deviceBytesADay <= 10e6,
        numbers: { agentBytesADay, deviceBytesADay },
      },
    ];
  },
};

interface Sample {
  readonly atMs: number;
  readonly pssBytes: number;
  readonly privateDirtyBytes: number;
  readonly cpuSeconds: number;
  /** What went to the disk, as the kernel counts it by process; of the device, those that run now. */
  readonly agentWrittenBytes: number;
  readonly deviceWrittenBytes: number;
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
  const written = async (files: string): Promise<number> => {
    // A process may end meanwhile.
    const io = await device.exec(["sh", "-c", `cat ${files} 2>/dev/null; true`]);
    return [...io.stdout.matchAll(/^write_bytes: (\d+)$/gm)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  };
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
    agentWrittenBytes: await written(`/proc/${pid}/io`),
    deviceWrittenBytes: await written("/proc/[0-9]*/io"),
  };
}

/** Node with nothing to do, under the agent's flags. */
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
