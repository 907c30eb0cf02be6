// A simulated device as the demo's: the bundled agent is a system service there, as on a Pi.

import { type Device, eventually, loadImage, makeImage, run, startDevice } from "@iot/testkit";
import { agentConfig } from "./agent-config.ts";
import { bundleAgent } from "./bundle-agent.ts";
import { type DemoDevice, DEVICE_ID } from "./demo-device.ts";

/** The demo's device, and what the bench and the faults' journey need besides. */
export interface SimulatedDevice
  extends DemoDevice, Pick<Device, "exec" | "execArgv" | "copyIn" | "cutNetwork" | "restoreNetwork" | "powerOff" | "powerOn"> {
  readonly agentFlags: readonly string[];
}

/** What an agent on Node needs least with: 58 instead of 61 MB (docs/bench.md has what it is now). */
const AGENT_FLAGS = [
  "--max-old-space-size=64",
  "--max-semi-space-size=1",
  "--v8-pool-size=1",
  "--single-threaded",
  "--lite-mode",
  "--optimize-for-size",
  "--max-lazy",
];

const UNIT = (uid: number): string => `[Unit]
Description=IoT agent
Wants=network-online.target
After=network-online.target user@${uid}.service
# However often it ends, it is started again.
StartLimitIntervalSec=0

[Service]
User=iot-agent
Environment=XDG_RUNTIME_DIR=/run/user/${uid} MALLOC_ARENA_MAX=1 UV_THREADPOOL_SIZE=1
ExecStart=/opt/iot-agent/node ${AGENT_FLAGS.join(" ")} /opt/iot-agent/iot-agent.mjs --config /etc/iot-agent/config.toml
StateDirectory=iot-agent
Restart=always
RestartSec=1
`;

export async function startSimulatedDevice(): Promise<SimulatedDevice> {
  const [device, bundle] = await Promise.all([startDevice({ name: DEVICE_ID }), bundleAgent()]);
  const inside = (argv: readonly string[]) => device.exec(argv, { user: "iot-agent" });
  try {
    for (const version of ["1", "2"]) await loadImage(device.podmanSocket, await makeImage({ reference: imageName(version), port: 80 }));
    await device.copyIn(process.execPath, "/opt/iot-agent/node");
    await device.copyIn(bundle, "/opt/iot-agent/iot-agent.mjs");
  } catch (error) {
    await device.stop();
    throw error;
  }
  return {
    id: DEVICE_ID,
    description: "simulated: Debian 13 under its own systemd, rootless Podman 5.4",
    address: device.address,
    ports: [8080, 8081],
    hostAddress: device.hostAddress,
    podmanSocket: device.podmanSocket,
    image: imageName,
    startAgent: async (settings) => {
      await device.writeFile("/etc/iot-agent/config.toml", agentConfig({ device: DEVICE_ID, ...settings }));
      await device.exec([
        "sh",
        "-c",
        "chown -R root:iot-agent /etc/iot-agent && chmod 0750 /etc/iot-agent && chmod 0640 /etc/iot-agent/config.toml",
      ]);
      await device.writeFile("/etc/systemd/system/iot-agent.service", UNIT(device.uid));
      await device.exec(["systemctl", "daemon-reload"]);
      await device.exec(["systemctl", "add-wants", "multi-user.target", "iot-agent.service"]);
      await device.exec(["systemctl", "restart", "iot-agent"]);
      await eventually(
        async () => {
          const { stdout } = await device.exec(["journalctl", "--unit=iot-agent", "--output=cat", "--no-pager"]);
          return (
            stdout.includes("connected to NATS") ||
            Promise.reject(new Error(`its journal ends: ${stdout.trim().split("\n").slice(-3).join(" | ")}`))
          );
        },
        { what: "the agent is connected to NATS", timeoutMs: 30_000 },
      );
    },
    agentEvents: async () => {
      const { stdout } = await device.exec(["journalctl", "--unit=iot-agent", "--output=json", "--no-pager"]);
      return stdout
        .split("\n")
        .filter(Boolean)
        .map((line): { at: number; message: string } => {
          const entry: unknown = JSON.parse(line);
          const text = (key: string): string => (typeof entry === "object" && entry !== null ? String(Reflect.get(entry, key)) : "");
          return { at: Number(text("__REALTIME_TIMESTAMP")) / 1000, message: text("MESSAGE") };
        });
    },
    curl: (port) => run(["curl", "--silent", "--show-error", "--fail", `http://${device.address}:${port}/`]),
    containers: async () => (await inside(["podman", "ps", "--all", "--format", "{{.Names}}"])).stdout.split("\n").filter(Boolean),
    startedAt: async (container) => {
      const { stdout } = await inside(["podman", "inspect", "--format", "{{.State.StartedAt.UnixMilli}}", container]);
      return Number(stdout.trim()) || null;
    },
    lookAround: [
      {
        title: "on the device, as its user",
        command: `device() { ${device.execArgv([], "iot-agent").join(" ")} "$@"; }\ndevice podman ps\ndevice journalctl -u iot-agent -f`,
      },
    ],
    exec: device.exec,
    execArgv: device.execArgv,
    copyIn: device.copyIn,
    cutNetwork: device.cutNetwork,
    restoreNetwork: device.restoreNetwork,
    powerOff: device.powerOff,
    powerOn: device.powerOn,
    agentFlags: AGENT_FLAGS,
    [Symbol.asyncDispose]: () => device.stop(),
  };
}

function imageName(version: string): string {
  return `localhost/hello:${version}`;
}
