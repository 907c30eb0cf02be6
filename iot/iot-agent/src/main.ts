#!/usr/bin/env node
// The agent's entry: arguments, configuration, the Topology of this device, and the Score variants that it serves.

import { bind } from "@harmony/core";
import { connectPodman, podmanV0 } from "@harmony/podman";
import { createLog, runUntilSignalled } from "@harmony/runtime";
import { runAgent } from "./agent.ts";
import { HELP, readArguments } from "./arguments.ts";
import { collectGarbageOnce } from "./collect-garbage.ts";
import { readConfig } from "./config.ts";
import { tomlShared } from "./credentials.ts";
import { PodmanDevice } from "./topology.ts";
import { AGENT_VERSION } from "./version.ts";

const log = createLog({ name: "iot-agent" });
// Not awaited at the top: the executable's bundle is CommonJS, which has no such thing. It sets the exit code itself.
void runUntilSignalled(
  async (signal) => {
    const { config: file, help, version } = readArguments();
    if (help === true) return void process.stdout.write(HELP);
    if (version === true) return void process.stdout.write(`iot-agent ${AGENT_VERSION}\n`);
    const { config, warnings } = await readConfig(file, process.env);
    for (const warning of warnings) log.warn(warning);
    const device = new PodmanDevice({ device: { id: config.device }, podman: connectPodman({ socketPath: config.podmanSocket }) });
    collectGarbageOnce();
    const inventory = (aborted: AbortSignal) => device.inventory(aborted);
    await runAgent({
      config,
      credentials: tomlShared(config.credentials, log),
      variants: [bind(podmanV0, device)],
      inventory,
      log,
      signal,
    });
  },
  { log },
);
