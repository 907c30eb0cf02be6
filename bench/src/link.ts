// Counts the bytes of an idle device's connection to NATS as the wire counts them: Ethernet, IP and
// TCP headers and acknowledgements. It leaves out the link's own traffic (ARP, router
// solicitations), which is there without an agent. Three devices run side by side: one with the
// usual interval, one with that for a metered link, and as the baseline a bare NATS connection that
// pings every 20 s.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { SimulatedDevice } from "@iot/e2e/world/simulated-device";
import { makeTempFolder, run } from "@iot/testkit";
import { answeredAt } from "./http-poll.ts";
import type { Figure, Measurement } from "./measurement.ts";
import { type Rig, startRig } from "./rig.ts";
import { scoreOf } from "./score-of.ts";

/** The time holds a whole number of statuses at either interval. */
const MINUTES = 10;
const SETTLE_MS = 40_000;
const MONTH_MINUTES = 30 * 24 * 60;
const ETHERNET_HEADER_BYTES = 14;
const METERED = "status_interval_seconds = 600\n";

export const link: Measurement = {
  name: "link",
  takesMinutes: MINUTES + 2,
  async run(): Promise<readonly Figure[]> {
    const usual = bytesAMonth(async ({ device, nats }) => device.startAgent({ natsUrl: nats.url }));
    const metered = bytesAMonth(async ({ device, nats }) => device.startAgent({ natsUrl: nats.url, agentSettings: METERED }));
    const bare = bytesAMonth(async ({ device, nats }) => {
      await device.exec(["systemctl", "stop", "iot-agent"]);
      await startBareConnection(device, nats.url);
    });
    const [agentMonth, meteredMonth, bareMonth] = await Promise.all([usual, metered, bare]);
    const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    return [
      {
        what: "bytes a month on the link, nothing changing, as the wire counts them: a status every 30 s; set for a metered link (every 600 s)",
        target: "≤ 80 MB; ≤ 12 MB",
        measured: `${mb(agentMonth)}; ${mb(meteredMonth)} (from ${MINUTES} min)`,
        baseline: `a bare NATS connection, pings every 20 s: ${mb(bareMonth)}`,
        met: agentMonth <= 80e6 && meteredMonth <= 12e6,
        numbers: { agentMonth, meteredMonth, bareMonth, minutes: MINUTES },
      },
    ];
  },
};

async function bytesAMonth(arrange: (rig: Rig) => Promise<void>): Promise<number> {
  await using rig = await startRig();
  const { device } = rig;
  await rig.write("hello-world", scoreOf({ image: device.image("1"), port: 8080 }));
  await answeredAt(device.address, 8080, "version=1");
  await countBytes(device, rig.nats.port);
  await arrange(rig);
  await pause(SETTLE_MS);
  const before = await countedBytes(device);
  await pause(MINUTES * 60_000);
  return (((await countedBytes(device)) - before) / MINUTES) * MONTH_MINUTES;
}

async function countBytes(device: SimulatedDevice, port: number): Promise<void> {
  const rules = ["input tcp sport", "output tcp dport"].map((rule) => {
    const [hook = "", ...match] = rule.split(" ");
    return `chain ${hook} { type filter hook ${hook} priority 0; ${match.join(" ")} ${port} counter; }`;
  });
  await device.exec(["nft", "-f", "-"], { stdin: `table inet bench {\n${rules.join("\n")}\n}\n` });
}

async function countedBytes(device: SimulatedDevice): Promise<number> {
  const { stdout } = await device.exec(["nft", "list", "table", "inet", "bench"]);
  const counters = [...stdout.matchAll(/packets (\d+) bytes (\d+)/g)];
  return counters.reduce((sum, [, packets, bytes]) => sum + Number(bytes) + Number(packets) * ETHERNET_HEADER_BYTES, 0);
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
  await device.copyIn(process.execPath, "/opt/bare/node");
  await device.copyIn(bundle, "/opt/bare/bundle.mjs");
  await device.exec(["systemd-run", "--unit=bare-nats", "--uid=iot-agent", "/opt/bare/node", "/opt/bare/bundle.mjs"]);
}
