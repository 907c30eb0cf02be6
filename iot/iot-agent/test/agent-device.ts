// A simulated device with the agent as its package installs it: the units and folders of
// package/root, and the bundle under the Node of the tests in place of the executable, which takes
// longer to make.

import { join } from "node:path";
import { type Device, run, type RunResult, startDevice } from "@iot/testkit";

const AGENT_FOLDER = join(import.meta.dirname, "..");
/** The value in the executable. */
const FLAGS =
  "--max-old-space-size=64 --max-semi-space-size=1 --v8-pool-size=1 --single-threaded --lite-mode --optimize-for-size --max-lazy";
const PROGRAM = `#!/bin/sh\nexec /opt/iot-agent/node ${FLAGS} /opt/iot-agent/iot-agent.cjs "$@"\n`;
const SETUP = `chmod 0755 /usr/bin/iot-agent /usr/lib/iot-agent/*
chmod 0640 /etc/iot-agent/config.toml
systemd-tmpfiles --create iot-agent.conf
chgrp iot-agent /etc/iot-agent /etc/iot-agent/config.toml
useradd --create-home --groups iot-agent engineer
useradd --create-home visitor
systemctl daemon-reload
systemctl --user --machine=iot-agent@ daemon-reload
systemctl --user --machine=iot-agent@ start iot-agent-podman.socket
`;

export type User = "root" | "engineer" | "visitor";

export interface AgentDevice {
  readonly device: Device;
  /** Runs the agent's program as that user would, in his home folder; any exit code is fine. */
  command(user: User, ...args: readonly string[]): Promise<RunResult & { readonly text: string }>;
  writeConfig(text: string): Promise<void>;
  systemctl(...args: readonly string[]): Promise<string>;
  journal(): Promise<string>;
}

/** The agent is installed and not started. */
export async function startAgentDevice(options: {
  readonly name: string;
  readonly config: (device: Device) => string;
}): Promise<AgentDevice> {
  const bundle = run(["npm", "run", "--silent", "bundle"], { cwd: AGENT_FOLDER, env: { NODE_DISABLE_COMPILE_CACHE: "1" } });
  const [device] = await Promise.all([startDevice({ name: options.name }), bundle]);
  const writeConfig = (text: string): Promise<void> => device.writeFile("/etc/iot-agent/config.toml", text);
  try {
    await device.copyIn(process.execPath, "/opt/iot-agent/node");
    await device.copyIn(join(AGENT_FOLDER, "dist/iot-agent.cjs"), "/opt/iot-agent/iot-agent.cjs");
    await run(["cp", "--recursive", `${join(AGENT_FOLDER, "package/root")}/.`, device.pathOnHost("/")]);
    await device.writeFile("/usr/bin/iot-agent", PROGRAM);
    await writeConfig(options.config(device));
    await device.exec(["sh", "-e", "-c", SETUP]);
  } catch (error) {
    await device.stop();
    throw error;
  }
  const systemctl = async (...args: readonly string[]): Promise<string> =>
    (await device.exec(["systemctl", ...args], { allowExitCodes: [0, 1, 3] })).stdout.trim();
  return {
    device,
    writeConfig,
    systemctl,
    command: async (user, ...args) => {
      const as =
        user === "root" ? [] : ["runuser", "--user", user, "--", "env", `--chdir=/home/${user}`, `HOME=/home/${user}`, `USER=${user}`];
      const ran = await device.exec([...as, "iot-agent", ...args], { allowExitCodes: ANY });
      return { ...ran, text: `${ran.stdout}${ran.stderr}` };
    },
    journal: async () => (await device.exec(["journalctl", "--unit=iot-agent", "--output=cat", "--no-pager"])).stdout,
  };
}

const ANY = [0, 1, 2, 3, 4, 7, 125];
