// The agent's long-running process: its configuration, the Topology of this device, and the Score
// variants that it serves.

import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { bind } from "@harmony/core";
import { connectPodman, fileStartList, fileSwapJournal, hostView, localDisk, openImageLedger, pageBytes, podmanV0 } from "@harmony/podman";
import { IOT_AGENT } from "@iot/contracts";
import { createLog, EX_CONFIG, runUntilSignalled, UserError } from "@harmony/runtime";
import { runAgent } from "./agent.ts";
import { bootId } from "./device/boot-id.ts";
import { collectGarbage } from "./device/collect-garbage.ts";
import { type ConfigRead, readConfig } from "./config/config.ts";
import { tomlCredentials } from "./config/credentials.ts";
import { assertOnlyAgent } from "./local/only-agent.ts";
import { connectServiceManager, type ServiceManager } from "./systemd/service-manager.ts";
import { podmanService } from "./device/podman-service.ts";
import { PodmanDevice } from "./device/topology.ts";

/** Ends the process. */
export async function runDaemon(configFile: string): Promise<never> {
  const log = createLog({ name: "iot-agent" });
  const serviceManager = connectServiceManager(process.env);
  // Node calls its first thread MainThread, and `ps` and `systemctl status` would show that.
  await writeFile("/proc/self/comm", "iot-agent").catch(() => undefined);
  return runUntilSignalled(
    async (signal) => {
      const { config, warnings } = await readConfigOrReport(configFile, serviceManager);
      for (const warning of warnings) log.warn(warning);
      await assertOnlyAgent(config);
      const [boot, pages] = await Promise.all([bootId(), pageBytes()]);
      const memory = (name: string) => ({
        folder: join(config.stateDir, name),
        onCorrupt: (found: { readonly file: string; readonly why: string; readonly keptAs: string }) =>
          log.warn("a file of the agent's is not used; what runs stays, and Podman tells it again", found),
      });
      const device = new PodmanDevice({
        device: {
          id: config.device,
          labels: config.labels,
          bootId: boot,
          timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
          ...(pages === null ? {} : { pageBytes: pages }),
        },
        podman: connectPodman({ socketPath: config.podmanSocket, user: IOT_AGENT.user }),
        networkRemains: {
          runFolder: config.userRunDir,
          onLost: (namespace) => log.warn("what a Podman that was killed left of a network is ended: no container had it", { namespace }),
        },
        journal: fileSwapJournal(memory("swaps")),
        startList: fileStartList(memory("start")),
        disk: localDisk,
        imageLedger: openImageLedger({ ...memory(""), bootId: boot }),
        host: hostView({ ...memory(""), secretsFolder: config.secretsDir, stateFolder: config.stateDir }),
        policy: config.policy,
        podmanService: podmanService(config),
      });
      collectGarbage();
      await runAgent({
        config,
        credentials: tomlCredentials({ file: configFile, device: config.device, log }),
        variants: [bind(podmanV0(IOT_AGENT), device)],
        inventory: (aborted) => device.inventory(aborted),
        serviceManager,
        log,
        signal,
      });
    },
    { log },
  );
}

async function readConfigOrReport(file: string, serviceManager: ServiceManager): Promise<ConfigRead> {
  try {
    return await readConfig(file, process.env);
  } catch (error) {
    if (error instanceof UserError && error.exitCode === EX_CONFIG) await serviceManager.misconfigured(error.message);
    throw error;
  }
}
