// The agent's long-running process: its configuration, its identity, the Topology of this device,
// and the Score variants that it serves.

import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { bind } from "@harmony/core";
import {
  connectPodman,
  fileStartList,
  fileSwapJournal,
  hostView,
  localDisk,
  openImageLedger,
  pageBytes,
  podmanV0,
  readJournal,
  type SecretSource,
} from "@harmony/podman";
import { IOT_AGENT } from "@iot/contracts";
import { createLog, EX_CONFIG, type Log, runUntilSignalled, UserError } from "@harmony/runtime";
import type { CredentialSource } from "@iot/messaging/device";
import { groupInToken } from "@iot/identity/device";
import { type FromAfar, runAgent } from "./agent.ts";
import { bootId } from "./device/boot-id.ts";
import { collectGarbage } from "./device/collect-garbage.ts";
import { type AgentConfig, type ConfigRead, isEnrolment, readConfig } from "./config/config.ts";
import { fetchedSecretsFolder } from "./config/default-paths.ts";
import { tomlCredentials } from "./config/credentials.ts";
import type { EnrolledDevice } from "./identity/enrolled-device.ts";
import { assertOnlyAgent } from "./local/only-agent.ts";
import { connectServiceManager, type ServiceManager } from "./systemd/service-manager.ts";
import { podmanService } from "./device/podman-service.ts";
import { runDoctor } from "./device/run-doctor.ts";
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
      if (!isEnrolment(config)) {
        const credentials = tomlCredentials({ file: configFile, device: config.device, log });
        await runAs({ config, credentials }, { configFile, serviceManager, log, signal });
        return;
      }
      // Another device does not need it in its memory.
      const { enrolledDevice } = await import("./identity/enrolled-device.ts");
      // Another round for each other way to NATS that the enrolment service names.
      while (!signal.aborted) {
        const enrolled = await enrolledDevice(config, { serviceManager, log, signal });
        const { moved, ...device } = enrolled;
        const round = AbortSignal.any([signal, moved]);
        const fromAfar = await fromAfarOf(enrolled, { log, signal: round });
        await runAs({ ...device, fromAfar }, { configFile, serviceManager, log, signal: round });
      }
    },
    { log },
  );
}

type RunAs = Pick<EnrolledDevice, "config"> & { readonly credentials: CredentialSource; readonly fromAfar?: FromAfar };

interface Around {
  readonly configFile: string;
  readonly serviceManager: ServiceManager;
  readonly log: Log;
  readonly signal: AbortSignal;
}

async function runAs({ config, credentials, fromAfar }: RunAs, { configFile, ...around }: Around): Promise<void> {
  const [boot, pages] = await Promise.all([bootId(), pageBytes()]);
  const device = podmanDevice(config, { boot, pages, secretSource: fromAfar?.secrets }, around.log);
  collectGarbage();
  await runAgent({
    config,
    configFile,
    credentials,
    variants: [bind(podmanV0(IOT_AGENT), device)],
    inventory: (aborted) => device.inventory(aborted),
    ownLog: (query, aborted) =>
      readJournal(
        { journalctl: ["journalctl"], matches: [`_SYSTEMD_UNIT=${IOT_AGENT.program}.service`], query, serviceOf: () => null },
        aborted,
      ),
    doctor: (aborted) => runDoctor(configFile, aborted),
    fromAfar,
    ...around,
  });
}

/** What an enrolled device gets beside its manifest. */
async function fromAfarOf(
  { config, credentials, openBao }: EnrolledDevice,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<FromAfar> {
  const place = (): Promise<string | null> => credentials.refresh();
  if (openBao === null) return { place, secrets: null };
  const { FetchedSecrets } = await import("./openbao/fetched-secrets.ts");
  const group = async (): Promise<string | undefined> => groupInToken(await credentials.token());
  const secrets = new FetchedSecrets({ folder: fetchedSecretsFolder(config.stateDir), device: config.device, bao: openBao, group, log });
  void secrets.keepFresh(signal);
  return { place, secrets };
}

function podmanDevice(
  config: AgentConfig,
  {
    boot,
    pages,
    secretSource,
  }: { readonly boot: string; readonly pages: number | null; readonly secretSource?: SecretSource | null | undefined },
  log: Log,
): PodmanDevice {
  const memory = (name: string) => ({
    folder: join(config.stateDir, name),
    onCorrupt: (found: { readonly file: string; readonly why: string; readonly keptAs: string }) =>
      log.warn("a file of the agent's is not used; what runs stays, and Podman tells it again", found),
  });
  return new PodmanDevice({
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
    host: hostView({ ...memory(""), secretsFolder: config.secretsDir, secretSource, stateFolder: config.stateDir }),
    policy: config.policy,
    podmanService: podmanService(config),
  });
}

async function readConfigOrReport(file: string, serviceManager: ServiceManager): Promise<ConfigRead> {
  try {
    return await readConfig(file, process.env);
  } catch (error) {
    if (error instanceof UserError && error.exitCode === EX_CONFIG) await serviceManager.misconfigured(error.message);
    throw error;
  }
}
