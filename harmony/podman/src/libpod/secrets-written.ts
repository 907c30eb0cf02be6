// Waits until Podman has ended its current write to its store of secrets.

import type { Podman } from "./podman.ts";
import { PodmanError } from "./podman-error.ts";

/** Podman answers under the lock under which it writes, even if it cannot read the store. */
export async function secretsWritten(podman: Podman, signal: AbortSignal): Promise<void> {
  try {
    await podman.listSecrets(signal);
  } catch (error) {
    if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
  }
}
