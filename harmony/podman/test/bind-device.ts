// Binds PodmanV0 to a simulated device, whose disk is asked from inside it, as an agent on it
// would. Its records are in a folder of the test's: they outlive the device's power cuts, and it
// starts anew with each boot.

import { dirname, join } from "node:path";
import { bind, type BoundVariant } from "@harmony/core";
import type { Device } from "@iot/testkit";
import {
  connectPodman,
  type DiskSpace,
  fileStartList,
  fileSwapJournal,
  openImageLedger,
  podmanV0,
  type Policy,
  type StorageOptions,
} from "../src/index.ts";
import { APPLICATION } from "./application.ts";
import { CLOSED, hostOf } from "./host-of-device.ts";

const user = "iot-agent";

export interface DeviceConfig {
  readonly labels?: Readonly<Record<string, string>>;
  readonly policy?: Partial<Policy>;
  readonly onCorrupt?: StorageOptions["onCorrupt"];
  readonly onLost?: (path: string) => void;
  /** A fault: called in place of the flush of the disk. */
  readonly flush?: DiskSpace["flush"];
  /** The agent may not write where Podman has its secrets. */
  readonly isSecretStoreReadOnly?: boolean;
}

export async function bindDevice(
  device: Device,
  folder: string,
  { labels = {}, policy, onCorrupt = () => undefined, onLost = () => undefined, flush, isSecretStoreReadOnly = false }: DeviceConfig = {},
): Promise<BoundVariant> {
  const bootId = (await device.exec(["cat", "/proc/sys/kernel/random/boot_id"])).stdout.trim();
  return bind(podmanV0(APPLICATION), {
    name: device.name,
    capabilities: {
      podman: connectPodman({ socketPath: device.podmanSocket, user }),
      networkRemains: { runFolder: dirname(dirname(device.podmanSocket)), onLost },
      device: { id: device.name, labels, bootId, timezone: "Europe/Zurich" },
      journal: fileSwapJournal({ folder: join(folder, "swaps"), onCorrupt }),
      startList: fileStartList({ folder: join(folder, "start"), onCorrupt }),
      disk: { ...diskOf(device), ...(flush === undefined ? {} : { flush }) },
      imageLedger: openImageLedger({ folder: join(folder, "state"), onCorrupt, bootId }),
      host: hostOf(device, { isSecretStoreReadOnly }),
      policy: { ...CLOSED, ...policy },
      podmanService: {
        restart: async () => void (await device.exec(["systemctl", "--user", "try-restart", "podman.service"], { user })),
      },
      journalctl: device.execArgv(["journalctl"], user),
    },
    inventory: () => Promise.resolve({ architecture: "amd64", capabilities: [], facts: {} }),
  });
}

function diskOf(device: Device): DiskSpace {
  return {
    freeBytes: async (path) => {
      const { stdout } = await device.exec(["stat", "--file-system", "--format=%a %S", path], { user });
      const [blocks = 0, blockBytes = 0] = stdout.split(" ").map(Number);
      return blocks * blockBytes;
    },
    flush: async (path) => void (await device.exec(["sync", "--file-system", path], { user })),
  };
}
