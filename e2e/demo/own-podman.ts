// The person's own rootless Podman as the demo's device, through a service of the demo's own. It
// touches only the demo's containers and images, and removes those at the end.

import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { eventually, freePort, loadImage, makeImage, makeTempFolder, run, type ServerProcess, startServerProcess } from "@iot/testkit";
import { DEVICE_ID, type DemoDevice } from "../world/demo-device.ts";
import { parseLog } from "./log-line.ts";

const AGENT_MAIN = join(import.meta.dirname, "../../iot/iot-agent/src/main.ts");
const DEPLOYMENT_LABEL = "label=io.nationtech.iot.deployment";

export async function startOwnPodman(): Promise<DemoDevice> {
  // The demo's agent would take another agent's workloads for its own, and remove them.
  const taken = (await containers()).join(" ");
  if (taken !== "") throw new Error(`your Podman already has containers of an agent: remove them first (podman rm --force ${taken})`);
  await using started = new AsyncDisposableStack();
  const folder = await makeTempFolder("demo");
  started.defer(() => folder.remove());
  const socket = join(folder.path, "podman.sock");
  const images = ["1", "2"].map(imageName);
  started.defer(async () => void (await run(["podman", "rmi", "--force", ...images], { allowExitCodes: [0, 1] })));
  const service = await startServerProcess({
    name: "podman system service",
    argv: ["podman", "system", "service", "--time=0", `unix://${socket}`],
    ready: async () =>
      (await run(["curl", "--silent", "--fail", "--unix-socket", socket, "http://d/_ping"], { allowExitCodes: [0, 7, 22] })).exitCode === 0,
  });
  started.defer(() => service.stop());
  for (const reference of images) await loadImage(socket, await makeImage({ reference, port: 80 }));
  started.defer(removeWorkload);
  let agent: ServerProcess | undefined;
  started.defer(async () => agent?.stop());
  const ports = [await freePort(), await freePort()] as const;
  const all = started.move();
  return {
    id: DEVICE_ID,
    description: "your own rootless Podman",
    address: "127.0.0.1",
    ports,
    hostAddress: "127.0.0.1",
    podmanSocket: socket,
    image: imageName,
    startEnrolled: async ({ url, caFile, code }) => {
      const config = join(folder.path, "config.toml");
      const folders = `[agent]\nstate_dir = "${join(folder.path, "state")}"\nrun_dir = "${folder.path}"\n`;
      await writeFile(config, `${folders}\n[podman]\nsocket = "${socket}"\n`, { mode: 0o600 });
      await run([process.execPath, AGENT_MAIN, "--config", config, "enrol", url, code, "--ca", caFile]);
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
    agentEvents: async () => parseLog(agentLog()),
    curl: (port) => run(["curl", "--silent", "--show-error", "--fail", `http://127.0.0.1:${port}/`]),
    containers,
    startedAt: async (container) =>
      Number((await run(["podman", "inspect", "--format", "{{.State.StartedAt.UnixMilli}}", container])).stdout) || null,
    lookAround: [{ title: "on the device, which is this machine", command: "podman ps" }],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };

  function agentLog(): string {
    return agent?.log() ?? "";
  }
}

async function containers(): Promise<string[]> {
  const { stdout } = await run(["podman", "ps", "--all", "--filter", DEPLOYMENT_LABEL, "--format", "{{.Names}}"]);
  return stdout.split("\n").filter(Boolean);
}

/** Removes what the demo's agent left when it was ended in the middle of its work. */
async function removeWorkload(): Promise<void> {
  const left = await containers();
  if (left.length > 0) await run(["podman", "rm", "--force", "--time=2", ...left]);
  const { stdout } = await run(["podman", "network", "ls", "--filter", DEPLOYMENT_LABEL, "--format", "{{.Name}}"]);
  const networks = stdout.split("\n").filter((name) => name === "hello-world_default");
  if (networks.length > 0) await run(["podman", "network", "rm", ...networks]);
}

function imageName(version: string): string {
  return `localhost/harmony-demo:${version}`;
}
