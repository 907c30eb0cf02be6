// A simulated device for the demo: the agent is installed there as on a Pi (install-agent.ts).

import { type Device, eventually, loadImage, makeImage, run, type RunResult, startDevice } from "@iot/testkit";
import { agentConfig } from "./agent-config.ts";
import { type AgentSettings, type DemoDevice, DEVICE_ID, type EnrolmentCode } from "./demo-device.ts";
import { installPackage, packAgent, setUpAgent, unpackAgent } from "./install-agent.ts";

/** The demo's device, and what the bench and the faults' journey need besides. */
export interface SimulatedDevice
  extends
    DemoDevice,
    Pick<
      Device,
      | "exec"
      | "execArgv"
      | "copyIn"
      | "pathOnHost"
      | "trustRegistry"
      | "cutNetwork"
      | "restoreNetwork"
      | "flapNetwork"
      | "powerOff"
      | "powerOn"
    > {
  /** Its image had this configuration on it: what `iot bootstrap create` printed. */
  startByBootstrap(bootstrap: string): Promise<void>;
  /** `sudo iot-agent enrol`, as a person types it. */
  enrol(by: EnrolmentCode): Promise<RunResult>;
  /** With a static user of NATS. */
  startAgent(config: AgentSettings): Promise<void>;
}

export interface SimulatedDeviceOptions {
  /** The path of a Debian package; the default is the agent of this tree. */
  readonly agentPackage?: string;
}

export async function startSimulatedDevice({ agentPackage }: SimulatedDeviceOptions = {}): Promise<SimulatedDevice> {
  const [device, agent] = await Promise.all([startDevice({ name: DEVICE_ID }), agentPackage === undefined ? packAgent() : null]);
  const enrol: SimulatedDevice["enrol"] = async ({ url, caFile, code }) => {
    await device.copyIn(caFile, "/root/enrolment-ca.pem");
    return device.exec(["iot-agent", "enrol", url, code, "--ca", "/root/enrolment-ca.pem"], { allowExitCodes: [0, 1, 2, 3, 4] });
  };
  const configured = async (text: string): Promise<void> => {
    await device.writeFile("/etc/iot-agent/config.toml", text);
    await device.exec(["chown", "root:iot-agent", "/etc/iot-agent/config.toml"]);
    await device.exec(["chmod", "0640", "/etc/iot-agent/config.toml"]);
  };
  const connected = (): Promise<unknown> =>
    eventually(
      async () => {
        const { stdout } = await device.exec(["journalctl", "--unit=iot-agent", "--output=cat", "--no-pager"]);
        return (
          stdout.includes("connected to NATS") ||
          Promise.reject(new Error(`its journal ends: ${stdout.trim().split("\n").slice(-3).join(" | ")}`))
        );
      },
      { what: "the agent is connected to NATS", timeoutMs: 30_000 },
    );
  const inside = (argv: readonly string[]) => device.exec(argv, { user: "iot-agent" });
  try {
    for (const version of ["1", "2"]) await loadImage(device.podmanSocket, await makeImage({ reference: imageName(version), port: 80 }));
    if (agent !== null) await unpackAgent(device, agent.path);
  } catch (error) {
    await device.stop();
    throw error;
  } finally {
    await agent?.remove();
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
      await configured(agentConfig({ device: DEVICE_ID, isOfFirstRelease: agentPackage !== undefined, ...settings }));
      await (agentPackage === undefined ? setUpAgent(device) : installPackage(device, agentPackage));
      await connected();
    },
    startEnrolled: async (by) => {
      await setUpAgent(device);
      const { exitCode, stdout, stderr } = await enrol(by);
      if (exitCode !== 0) throw new Error(`iot-agent enrol: ${stderr}${stdout}`);
      await connected();
    },
    startByBootstrap: async (bootstrap) => {
      await configured(bootstrap);
      await setUpAgent(device);
    },
    enrol,
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
    pathOnHost: device.pathOnHost,
    trustRegistry: device.trustRegistry,
    cutNetwork: device.cutNetwork,
    restoreNetwork: device.restoreNetwork,
    flapNetwork: device.flapNetwork,
    powerOff: device.powerOff,
    powerOn: device.powerOn,
    [Symbol.asyncDispose]: () => device.stop(),
  };
}

function imageName(version: string): string {
  return `localhost/hello:${version}`;
}
