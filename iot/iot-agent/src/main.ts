#!/usr/bin/env node
// The agent's entry: arguments, configuration, the Topology of this device, and the Score variants that it serves.

import { parseArgs } from "node:util";
import { bind } from "@harmony/core";
import { connectPodman, podmanV0 } from "@harmony/podman";
import { createLog, errorText, runUntilSignalled, UserError } from "@harmony/runtime";
import { runAgent } from "./agent.ts";
import { collectGarbageOnce } from "./collect-garbage.ts";
import { DEFAULT_CONFIG_FILE, readConfig } from "./config.ts";
import { tomlShared } from "./credentials.ts";
import { PodmanDevice } from "./topology.ts";
import { AGENT_VERSION } from "./version.ts";

const HELP = `Usage: iot-agent [--config FILE]

Makes this device run what its manifest in NATS says. FILE is ${DEFAULT_CONFIG_FILE} unless told; --version and --help.
`;

const log = createLog({ name: "iot-agent" });
await runUntilSignalled(
  async (signal) => {
    const { values } = readArguments();
    if (values.help === true) return void process.stdout.write(HELP);
    if (values.version === true) return void process.stdout.write(`iot-agent ${AGENT_VERSION}\n`);
    const { config, warnings } = await readConfig(values.config, process.env);
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

function readArguments() {
  try {
    return parseArgs({
      options: { config: { type: "string", default: DEFAULT_CONFIG_FILE }, version: { type: "boolean" }, help: { type: "boolean" } },
    });
  } catch (error) {
    throw new UserError(`${errorText(error)}; see iot-agent --help`, 2);
  }
}
