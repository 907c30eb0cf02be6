// Waits until Podman has ended what it is just writing to its store of secrets.

import type { Podman } from "./podman.ts";
import { PodmanError } from "./podman-error.ts";

/** It answers under the lock under which it writes, be it that it cannot read it. */
export async function secretsWritten(podman: Podman, signal: AbortSignal): Promise<void> {
  try {
    await podman.listSecrets(signal);
  } catch (error) {
    if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
  }
}
