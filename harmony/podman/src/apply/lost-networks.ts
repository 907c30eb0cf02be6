// Removes what a killed Podman leaves of a network that it was making, and that no Podman after it
// knows of or can use: pasta for one container, which goes on holding its port, and the namespace
// that all containers with networks of their own share, without which none of them starts. Removing
// the name of their network namespace ends both: pasta ends by itself then.

import { access, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Podman } from "../libpod/podman.ts";
import { PodmanError } from "../libpod/podman-error.ts";

export interface NetworkRemains {
  /** The run folder of Podman's user: `/run/user/UID`. */
  readonly runFolder: string;
  /** Called with the path of each name that was removed. */
  readonly onLost: (path: string) => void;
}

/** The names are Podman's own; 4.9 has others in the same folder. */
const OF_ONE_CONTAINER = /^netns-[\da-f]+(-[\da-f]+){4}$/;

/**
 * Whether something was lost; its port is free some milliseconds later. false also where the agent
 * may not look or write, and where Podman does not give the network of each container: a fault of
 * another container is not the trouble of the one that is being started.
 */
export async function endLostNetworks(
  podman: Pick<Podman, "networked">,
  { runFolder, onLost }: NetworkRemains,
  signal: AbortSignal,
): Promise<boolean> {
  const [own, shared] = [join(runFolder, "netns"), join(runFolder, "containers/networks/rootless-netns")];
  try {
    // The folder is read before the containers: for a container that is being started meanwhile,
    // Podman answers when it has made its record.
    const found = (await readdir(own)).filter((name) => OF_ONE_CONTAINER.test(name));
    const containers = await podman.networked(signal);
    const known = new Set(containers.map(({ namespace }) => namespace));
    const lost = found.filter((name) => !known.has(name)).map((name) => join(own, name));
    const isShared = containers.some(({ namespace, isBridged }) => isBridged && namespace !== "");
    // Podman makes resolv.conf last, and it is missing.
    const isHalfMade = (await exists(join(shared, "rootless-netns"))) && !(await exists(join(shared, "resolv.conf")));
    if (isHalfMade && !isShared) lost.push(join(shared, "rootless-netns"));
    for (const path of lost) {
      await rm(path);
      onLost(path);
    }
    return lost.length > 0;
  } catch (error) {
    if (error instanceof PodmanError || (error instanceof Error && "syscall" in error)) return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
