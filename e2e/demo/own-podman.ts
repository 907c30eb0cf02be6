// The person's own rootless Podman as the demo's device, through a service of the demo's own. Nothing but the demo's containers and images
// is touched, and those are taken away.

import { join } from "node:path";
import { chmod, writeFile } from "node:fs/promises";
import { eventually, loadImage, makeImage, makeTempFolder, run, type ServerProcess, startServerProcess } from "@iot/testkit";
import { agentConfig } from "./agent-config.ts";
import { DEVICE_ID, type DemoDevice } from "./demo-device.ts";
import { parseLogLine } from "./log-line.ts";

const AGENT_MAIN = join(import.meta.dirname, "../../iot/iot-agent/src/main.ts");
const OURS = ["--filter", "label=io.nationtech.iot.deployment=hello-world"];

export async function startOwnPodman(): Promise<DemoDevice> {
  const folder = await makeTempFolder("demo");
  const socket = join(folder.path, "podman.sock");
  const images = ["1", "2"].map(imageName);
  const taken = (await run(["podman", "ps", "--all", ...OURS, "--format", "{{.Names}}"])).stdout.trim();
  if (taken !== "")
    throw new Error(
      `your Podman already has ${taken.replaceAll("\n", ", ")}: remove it first (podman rm --force ${taken.replaceAll("\n", " ")})`,
    );
  const service = await startServerProcess({
    name: "podman system service",
    argv: ["podman", "system", "service", "--time=0", `unix://${socket}`],
    ready: async () =>
      (await run(["curl", "--silent", "--fail", "--unix-socket", socket, "http://d/_ping"], { allowExitCodes: [0, 7, 22] })).exitCode === 0,
  });
  for (const reference of images) await loadImage(socket, await makeImage({ reference, port: 80 }));
  let agent: ServerProcess | undefined;
  return {
    id: DEVICE_ID,
    description: "your own rootless Podman",
    address: "127.0.0.1",
    hostAddress: "127.0.0.1",
    podmanSocket: socket,
    image: imageName,
    startAgent: async ({ natsUrl, agentSettings = "" }) => {
      const config = join(folder.path, "config.toml");
      await writeFile(
        config,
        agentConfig({
          device: DEVICE_ID,
          natsUrl,
          podmanSocket: socket,
          agentSettings: `state_dir = "${join(folder.path, "state")}"\n${agentSettings}`,
        }),
      );
      await chmod(config, 0o600);
      agent = await startServerProcess({
        name: "iot-agent",
        argv: [process.execPath, AGENT_MAIN, "--config", config],
        ready: async () => true,
      });
      await eventually(async () => agentLog().includes("connected to NATS") || Promise.reject(new Error(agentLog())), {
        what: "the agent is connected to NATS",
        timeoutMs: 30_000,
      });
    },
    agentEvents: async () =>
      agentLog()
        .split("\n")
        .flatMap((line) => parseLogLine(line) ?? []),
    curl: (port) => run(["curl", "--silent", "--show-error", "--fail", `http://127.0.0.1:${port}/`]),
    containers: async () => (await run(["podman", "ps", "--all", ...OURS, "--format", "{{.Names}}"])).stdout.split("\n").filter(Boolean),
    startedAt: async (container) =>
      Number((await run(["podman", "inspect", "--format", "{{.State.StartedAt.UnixMilli}}", container])).stdout) || null,
    lookAround: [{ title: "on the device", command: "podman ps" }],
    [Symbol.asyncDispose]: async () => {
      await agent?.stop();
      const { stdout } = await run(["podman", "ps", "--all", "--quiet", ...OURS]);
      const left = stdout.split("\n").filter(Boolean);
      if (left.length > 0) await run(["podman", "rm", "--force", "--time=2", ...left]);
      await service.stop();
      await run(["podman", "rmi", "--force", ...images], { allowExitCodes: [0, 1] });
      await folder.remove();
    },
  };

  function agentLog(): string {
    return agent?.log() ?? "";
  }
}

function imageName(version: string): string {
  return `localhost/harmony-demo:${version}`;
}
