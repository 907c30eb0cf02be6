// Measures the agent as it is installed: its size, and the time from its start to its log line that
// it is connected, with warm files and with a cold executable. The baseline is Node's own start.

import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { buildDebianPackage, buildExecutable, copyrightFile, hostTarget, versionOfCommit } from "@iot/build";
import { eventually, makeTempFolder, run } from "@iot/testkit";
import { type Figure, type Measurement, ms, percentile } from "./measurement.ts";
import { type Rig, startRig } from "./rig.ts";

const STARTS = 20;

export const installed: Measurement = {
  name: "installed",
  takesMinutes: 3,
  async run(): Promise<readonly Figure[]> {
    const folder = await makeTempFolder("installed");
    const [executableBytes, packageBytes] = await sizes(folder.path);
    await rm(folder.path, { recursive: true });
    await using rig = await startRig();
    const warm: number[] = [];
    for (let start = 0; start < STARTS; start += 1) warm.push(await startToConnected(rig, "warm"));
    const cold: number[] = [];
    for (let start = 0; start < STARTS; start += 1) cold.push(await startToConnected(rig, "cold"));
    const node: number[] = [];
    for (let start = 0; start < STARTS; start += 1) {
      const startedAt = performance.now();
      await run([process.execPath, "-e", "0"]);
      node.push(performance.now() - startedAt);
    }
    const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    return [
      {
        what: "the agent's executable; its Debian package",
        target: "none",
        measured: `${mb(executableBytes)}; ${mb(packageBytes)}`,
        baseline: `Node as it comes: ${mb((await stat(process.execPath)).size)}`,
        met: true,
        numbers: { executableBytes, packageBytes },
      },
      {
        what: `start → connected to NATS, as the journal has it, files warm (${STARTS} starts)`,
        target: "none",
        measured: `p50 ${ms(percentile(warm, 50))}, at worst ${ms(Math.max(...warm))}`,
        baseline: `Node starts and ends: p50 ${ms(percentile(node, 50))}`,
        met: true,
        numbers: { p50Ms: percentile(warm, 50), worstMs: Math.max(...warm), nodeP50Ms: percentile(node, 50) },
      },
      {
        what: `the same, the executable read from this machine's disk (${STARTS} starts)`,
        target: "none",
        measured: `p50 ${ms(percentile(cold, 50))}, at worst ${ms(Math.max(...cold))}`,
        baseline: `files warm: p50 ${ms(percentile(warm, 50))}`,
        met: true,
        numbers: { p50Ms: percentile(cold, 50), worstMs: Math.max(...cold), warmP50Ms: percentile(warm, 50) },
      },
    ];
  },
};

async function sizes(folder: string): Promise<readonly [executable: number, debianPackage: number]> {
  const target = hostTarget();
  const executable = join(folder, "iot-agent");
  const version = await versionOfCommit();
  const copyright = await copyrightFile(target, await buildExecutable({ target, version, path: executable }));
  const path = await buildDebianPackage({ target, executable, copyright, version, compression: "small", into: folder });
  return [(await readFile(executable)).length, (await stat(path)).size];
}

/** The time from systemd's start of the process to the agent's line, both by the device's clock. */
export async function startToConnected({ device }: Rig, files: "warm" | "cold"): Promise<number> {
  await device.exec(["systemctl", "stop", "iot-agent"]);
  // `dd` copies nothing here. It makes the kernel drop its cache of the file, which works once
  // nobody runs it.
  if (files === "cold") await device.exec(["dd", "if=/usr/bin/iot-agent", "iflag=nocache", "count=0", "status=none"]);
  await device.exec(["systemctl", "start", "iot-agent"]);
  const { stdout } = await device.exec(["systemctl", "show", "--property=ExecMainStartTimestamp", "--timestamp=us+utc", "iot-agent"]);
  const startedAt = Date.parse(`${/=\w+ ([\d-]+) /.exec(stdout)?.[1]}T${/ ([\d:.]+) UTC/.exec(stdout)?.[1]}Z`);
  return eventually(
    async () => {
      const said = (await device.agentEvents()).find(({ at, message }) => at >= startedAt && message.startsWith("connected to NATS"));
      return said === undefined ? undefined : said.at - startedAt;
    },
    { what: "the agent is connected", timeoutMs: 30_000, intervalMs: 50 },
  );
}
